// SPDX-License-Identifier: Apache-2.0
/* Whom a call is judged as: the kernel's counterpart of core/backend/notify/subjects.
 *
 * Way:     events -> *stack* -> verdict.
 * Thread:  the calling thread.
 * Failure: whatever could not be seen is `unknown` in the set, with its LG_STACK_* flag.
 */
#ifndef LIBGUARD_BPF_SUBJECT_H
#define LIBGUARD_BPF_SUBJECT_H

#include "bpf/feed.h"
#include "bpf/pushes.h"

/* What the walk left in the scratch, as struct lg_stack. */
static __always_inline void lg_reduce(struct lg_look *look)
{
  struct lg_scratch *s = look->s;
  struct lg_stack *stack = &s->call.subject.stack;
  __u32 incomplete = s->flags & LG_STACK_INCOMPLETE;

  look->counts->frames += s->depth;
  stack->flags = s->flags;
  stack->depth_capped = s->depth < 65535 ? s->depth : 65535;
  stack->direct = stack->caller = incomplete ? LG_UNKNOWN : LG_RUNTIME;
  if (incomplete)
    lg_set_add(&stack->active, LG_UNKNOWN);
  if (s->depth == 0)
    return;
  if (s->stacks > 1 && s->unplaced) {
    lg_count(look->counts, unordered);
    stack->caller = stack->direct = LG_UNKNOWN;
    return;
  }
  stack->direct = s->best_direct.library;
  stack->direct_vouching = s->best_direct.vouching;
  stack->direct_function = s->best_direct.function;
  if (s->caller_place != ~0ull) {
    stack->caller = s->best_caller.library;
    stack->caller_function = s->best_caller.function;
  }
  if (s->trampoline_place != ~0ull && s->trampoline_place <= s->caller_place)
    stack->flags |= LG_STACK_TRAMPOLINE;
  if (s->starter_place != ~0ull && s->starter_place <= s->caller_place)
    stack->flags |= LG_STACK_STARTER;
}

/* Before any frame is taken; 0: the program cannot be read. */
static __always_inline int lg_begin_stack(struct lg_look *look, __u64 thread_pointer, __u32 image_number)
{
  struct lg_scratch *s = look->s;

  lg_empty_stack(&s->call.subject.stack);
  s->depth = s->flags = s->stacks = s->unplaced = 0;
  s->page_low = s->page_high = 0;
  s->caller_place = s->trampoline_place = s->starter_place = ~0ull;
  s->thread_pointer = thread_pointer;
  if (lg_open_area(look, image_number))
    return 1;
  s->flags = LG_STACK_FAULT;
  return 0;
}

/* Walks the interpreter's frames of the calling thread into the subject's stack. */
static __always_inline void lg_walk(struct lg_look *look, __u64 thread_pointer, __u32 image_number)
{
  lg_count(look->counts, walks);
  if (!lg_begin_stack(look, thread_pointer, image_number))
    return lg_reduce(look);
  lg_find_states(look);
  bpf_loop(LG_MAX_THREAD_STATES, lg_walk_state, look, 0);
  lg_keep_state(look);
  lg_reduce(look);
}

/* The same from what its probes fed. */
static __always_inline void lg_read_fed(struct lg_look *look, struct task_struct *task,
                                        struct lg_kernel_process *process)
{
  if (lg_begin_stack(look, task->thread.fsbase, process->image))
    lg_take_fed(look, task, process);
  lg_reduce(look);
}

/* The stack of the calling thread, by what kind of program it is. */
static __always_inline void lg_stack_of(struct lg_look *look, struct task_struct *task,
                                        struct lg_kernel_process *process)
{
  struct lg_stack *stack = &look->s->call.subject.stack;
  struct lg_image *image = look->image;

  look->s->depth = look->s->flags = 0;
  if (look->thread->borrows) {
    *stack = look->thread->borrowed;
    return;
  }
  if (!image || image->kind == LG_IMAGE_PENDING)
    return lg_fill_single(stack, LG_UNKNOWN, LG_STATE_PENDING | LG_STACK_PROGRAM);
  if (image->kind == LG_IMAGE_NATIVE)
    return lg_fill_single(stack, image->library, LG_STACK_PROGRAM);
  if (image->kind == LG_IMAGE_STARTUP) {
    lg_count(look->counts, no_hello);
    return lg_fill_single(stack, LG_STARTUP, 0);
  }
  if (image->kind == LG_IMAGE_PUSHES)
    return lg_take_pushed(look, task, process->image);
  if (image->kind == LG_IMAGE_FED)
    lg_read_fed(look, task, process);
  else
    lg_walk(look, task->thread.fsbase, process->image);
  if (image->embeds && stack->depth_capped == 0 && !(stack->flags & LG_STACK_INCOMPLETE) &&
      (task->pid == task->tgid || look->thread->maker == image->library))
    return lg_fill_single(stack, image->library, LG_STACK_PROGRAM);
  /* Before the interpreter gave the main thread a state, the program is still starting. */
  if ((stack->flags & LG_STACK_NO_STATE) && task->pid == task->tgid && !look->thread->had_state)
    lg_fill_single(stack, LG_STARTUP, LG_STACK_NO_STATE);
}

__u32 lg_handoffs_noted; /* written by the supervisor; 0: there has never been one */

/* All that a verdict needs besides right and matrix. Owners of native code are not looked for here. */
static __always_inline void lg_subject_of(struct lg_look *look, struct task_struct *task,
                                          struct lg_kernel_process *process)
{
  struct lg_subject *subject = &look->s->call.subject;
  __u32 tid = task->pid;
  struct lg_handoff *handoff = lg_handoffs_noted ? bpf_map_lookup_elem(&handoffs, &tid) : 0;

  look->s->missing.size = 0;
  lg_stack_of(look, task, process);
  subject->inherited = look->thread->inherited;
  __builtin_memset(&subject->native, 0, sizeof(subject->native));
  subject->spawners = process->spawners;
  if (handoff)
    subject->handoff = *handoff;
  else
    __builtin_memset(&subject->handoff, 0, sizeof(subject->handoff));
  subject->phase = process->phase;
  subject->maker = (__u16)look->thread->maker;
  subject->pad = 0;
}

#endif
