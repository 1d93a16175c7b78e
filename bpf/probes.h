// SPDX-License-Identifier: Apache-2.0
/* The programs on an interpreter's probes: they push the code that is entered, and pop it when it is left.
 *
 * Way:     *events* -> stack.
 * Thread:  the thread that passes the probe; with preemption, in the room of its own feed.
 * Failure: see bpf/feed.h.
 */
#ifndef LIBGUARD_BPF_PROBES_H
#define LIBGUARD_BPF_PROBES_H

#include "bpf/lifecycle.h"

/* The innermost frame of the index-th thread state that the search found. One that is being made has none yet. */
static long lg_innermost_step(__u64 index, struct lg_look *look)
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
  if (!s->cursor.frame)
    return 0;
  s->direct_place = s->cursor.frame;
  s->stacks++;
  return 0;
fault:
  s->flags |= LG_STACK_FAULT;
  return 1;
}

/* The innermost frame's code; 0: it cannot be read, or there are several. */
static __always_inline __u64 lg_innermost_code(struct lg_look *look)
{
  const struct lg_python_offsets *o = &look->image->offsets;
  struct lg_scratch *s = look->s;
  __u32 size = o->frame_size & 127;

  s->flags = s->stacks = 0;
  lg_find_states(look);
  bpf_loop(LG_MAX_THREAD_STATES, lg_innermost_step, look, 0);
  if (s->flags || s->stacks != 1)
    return 0;
  lg_keep_state(look);
  s->cursor.frame = s->direct_place;
  if (LG_READ(&s->missing, s->page, size, s->cursor.frame) ||
      lg_python_take_frame(o, &look->image->program, s->page, &s->cursor) != LG_STEP_FRAME)
    return 0;
  return s->cursor.code;
}

static __always_inline void lg_feed_push(struct lg_look *look, struct task_struct *task, __u32 image_number)
{
  struct lg_feed *feed = look->feed;
  __u32 depth = feed->depth++;
  __u64 code = 0;

  look->thread->fed = 1;
  if (depth >= LG_FEED_DEPTH)
    return;
  lg_count(look->counts, pushes);
  look->s->thread_pointer = task->thread.fsbase;
  if (lg_open_area(look, image_number))
    code = lg_innermost_code(look);
  if (!code)
    lg_count(look->counts, faults);
  feed->code[depth & (LG_FEED_DEPTH - 1)] = code;
}

/* A probe of an interpreter: it enters or leaves a function. Null: not a thread that is fed. */
static __always_inline struct lg_feed *lg_feed_here(struct lg_look *look, struct task_struct *task,
                                                    struct lg_kernel_process *process)
{
  look->image = bpf_map_lookup_elem(&images, &process->image);
  if (!look->image || look->image->kind != LG_IMAGE_FED)
    return 0;
  look->feed = bpf_task_storage_get(&feeds, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!look->feed) {
    lg_unfeed(process);
    return 0;
  }
  look->s = &look->feed->room;
  look->counts = &look->feed->counts;
  return look->feed;
}

SEC("?uprobe")
int lg_on_function_entry(void *context)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct lg_kernel_process *process = lg_process_of(task);
  struct lg_look look = {};

  if (!process || !lg_feed_here(&look, task, process))
    return 0;
  look.thread = lg_thread_of(task, process, look.counts);
  if (look.thread)
    lg_feed_push(&look, task, process->image);
  else
    lg_unfeed(process);
  return 0;
}

SEC("?uprobe")
int lg_on_function_return(void *context)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct lg_kernel_process *process = lg_process_of(task);
  struct lg_look look = {};
  struct lg_feed *feed;

  feed = process ? lg_feed_here(&look, task, process) : 0;
  if (!feed)
    return 0;
  if (feed->depth)
    feed->depth--;
  else
    lg_unfeed(process); /* a return without its entry */
  return 0;
}

#endif
