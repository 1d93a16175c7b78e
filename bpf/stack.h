// SPDX-License-Identifier: Apache-2.0
/* The stacks of the calling thread: its thread states, found anew or as the last walk left them, and what they say.
 *
 * Way:     events -> *stack*.
 * Thread:  the walked thread itself; its other threads run and change lists, so a search may have to start again.
 * Failure: LG_STACK_* flags and `unknown`, as under notify; a page that is not in memory is a FAULT.
 */
#ifndef LIBGUARD_BPF_STACK_H
#define LIBGUARD_BPF_STACK_H

#include "bpf/frames.h"

#define LG_SEARCH_ATTEMPTS 4
#define LG_FIRST_BOUND_VERSION 0x030du /* 3.13: a thread state carries the number of the thread that runs it */

static long lg_search_step(__u64 index, struct lg_look *look)
{
  look->s->step = lg_python_search_step(&look->s->missing, &look->image->offsets, &look->s->search);
  return look->s->step <= LG_STEP_END;
}

/* Is the state that the last walk found still the thread's only one? Unlinking shows at once, freeing alone would not.
 */
static __always_inline int lg_state_stands(struct lg_look *look)
{
  const struct lg_python_offsets *o = &look->image->offsets;
  struct lg_kernel_thread *thread = look->thread;
  struct lg_scratch *s = look->s;
  __u64 link = 0, interpreters = 0;

  if (!thread->state || LG_READ(&s->missing, s->search.bytes, LG_STATE_BYTES, thread->state))
    return 0;
  if (lg_load(s->search.bytes, o->state_thread) != s->thread_pointer ||
      lg_python_link(o, s->search.bytes) != thread->link)
    return 0;
  return !LG_READ(&s->missing, &link, 8, thread->link) && link == thread->state &&
         !LG_READ(&s->missing, &interpreters, 8, look->image->program.interpreters) &&
         interpreters == thread->interpreters;
}

/* Every thread state of this thread. Other threads change the lists meanwhile: then again. */
static __always_inline int lg_search_states(struct lg_look *look)
{
  struct lg_scratch *s = look->s;

  lg_count(look->counts, searches);
  look->thread->state = 0;
  for (int attempt = 0; attempt < LG_SEARCH_ATTEMPTS; attempt++) {
    if (lg_python_search_start(&s->missing, &look->image->program, s->thread_pointer, &s->search) == LG_STEP_FAULT)
      continue;
    s->step = LG_STEP_SKIP;
    bpf_loop(LG_MAX_SEARCH_STEPS, lg_search_step, look, 0);
    if (s->step == LG_STEP_END)
      return 1;
    lg_count(look->counts, search_faults);
  }
  return 0;
}

/* Takes what one stack says into what all of the thread's stacks say; the innermost is the deepest on the C stack. */
static __always_inline void lg_merge_stack(struct lg_scratch *s)
{
  __u64 place = s->cursor.c_stack;

  if (s->stack_depth == 0)
    return;
  s->unplaced |= place == 0;
  if (s->stacks++ == 0 || place < s->direct_place) {
    s->direct_place = place;
    s->best_direct = s->direct;
  }
  s->trampoline_place = lg_inner_place(s->trampoline, place, s->trampoline_place);
  s->starter_place = lg_inner_place(s->starter, place, s->starter_place);
  if (s->caller_seen && place < s->caller_place) {
    s->caller_place = place;
    s->best_caller = s->caller;
  }
}

/* Walks the stack of the index-th thread state that the search found. */
static long lg_walk_state(__u64 index, struct lg_look *look)
{
  const struct lg_python_offsets *o = &look->image->offsets;
  struct lg_scratch *s = look->s;
  __u64 state, linked = 0;

  if (index >= s->search.found_count)
    return 1;
  state = s->search.found[index & (LG_MAX_THREAD_STATES - 1)];
  if (!s->cached) {
    if (LG_READ(&s->missing, s->search.bytes, LG_STATE_BYTES, state))
      goto fault;
    s->link = lg_python_link(o, s->search.bytes);
    if (LG_READ(&s->missing, &linked, 8, s->link) || linked != state)
      goto fault;
  }
  if (lg_python_first(&s->missing, o, state, s->search.bytes, &s->cursor) == LG_STEP_FAULT)
    goto fault;
  s->stack_depth = s->trampoline = s->starter = s->caller_seen = 0;
  bpf_loop(LG_MAX_FRAMES, lg_walk_step, look, 0);
  if (s->cursor.frame && !(s->flags & LG_STACK_FAULT))
    s->flags |= LG_STACK_TRUNCATED;
  lg_merge_stack(s);
  return 0;
fault:
  s->flags |= LG_STACK_FAULT;
  return 1;
}

/* Finds the thread's states: the one of the last walk, or by a search. */
static __always_inline void lg_find_states(struct lg_look *look)
{
  const struct lg_python_offsets *o = &look->image->offsets;
  struct lg_kernel_thread *thread = look->thread;
  struct lg_scratch *s = look->s;

  s->cached = lg_state_stands(look);
  if (s->cached) {
    s->search.found_count = 1;
    s->search.found[0] = thread->state;
    return;
  }
  if (!lg_search_states(look)) {
    s->search.found_count = 0;
    s->flags |= LG_STACK_FAULT;
  } else if (s->search.interpreters_seen > 1 && (o->version < LG_FIRST_BOUND_VERSION)) {
    /* Up to 3.12 a sub-interpreter's state may carry another thread's number: who runs it cannot be told here. */
    s->flags |= LG_STACK_FAULT;
  } else if (s->search.found_count == 0) {
    s->flags |= LG_STACK_NO_STATE;
  } else {
    thread->had_state = 1;
  }
  if (s->search.found_count > LG_MAX_THREAD_STATES)
    s->flags |= LG_STACK_TRUNCATED;
}

/* For the next call. With several interpreters a thread may get a stack in any at any time: search at each call. */
static __always_inline void lg_keep_state(struct lg_look *look)
{
  struct lg_scratch *s = look->s;

  if (s->cached || s->search.found_count != 1 || s->search.interpreters_seen != 1)
    return;
  look->thread->state = s->search.found[0];
  look->thread->link = s->link;
  look->thread->interpreters = s->search.first_interpreter;
}

#endif
