// SPDX-License-Identifier: Apache-2.0
/* A stack that the interpreter's own probes feed: function__entry pushes the function's code, function__return pops.
 *
 * Way:     events -> *stack*.
 * Thread:  the calling thread. Probes may be preempted, unlike programs on system calls: they have room of their own.
 * Failure: a frame that cannot be read is pushed as `unknown`; what cannot be pushed or popped makes every further
 *          stack of the process `unknown`. All of it is counted.
 */
#ifndef LIBGUARD_BPF_FEED_H
#define LIBGUARD_BPF_FEED_H

#include "bpf/stack.h"

#define LG_FEED_DEPTH 2048 /* deeper stacks are truncated; a power of two */

/* One thread's stack, outermost first. Codes are named where a call is judged, as the walk does: those that run before
 * the registrar has seen them are in the table by then.
 */
struct lg_feed {
  __u64 code[LG_FEED_DEPTH]; /* 0: it could not be read */
  __u32 depth; /* may exceed the array: the rest was not kept */
  __u32 pad;
  struct lg_kernel_counts counts; /* joined with those of the processor at the next system call */
  struct lg_scratch room;
};

/* Made by a probe or at a fork. Cannot be made: LG_PROCESS_UNFED. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct lg_feed);
} feeds SEC(".maps");

/* From now on a frame may be missing. */
static __always_inline void lg_unfeed(struct lg_kernel_process *process)
{
  struct lg_kernel_counts *counted = lg_counts_here();

  __sync_fetch_and_or(&process->flags, LG_PROCESS_UNFED);
  if (counted)
    __sync_fetch_and_add(&counted->feeds_lost, 1);
}

static long lg_feed_step(__u64 index, struct lg_look *look)
{
  struct lg_feed *feed = look->feed;
  struct lg_code_entry entry;
  __u32 at;

  if (!feed || index >= feed->depth)
    return 1;
  at = feed->depth - 1 - (__u32)index;
  if (at >= LG_FEED_DEPTH)
    return 0;
  lg_name_code(look, feed->code[at & (LG_FEED_DEPTH - 1)], &entry);
  lg_take_entry(look->s, &entry);
  return 0;
}

/* What the probes' programs counted since the last system call of this thread. */
static __always_inline void lg_join_counts(struct lg_kernel_counts *to, struct lg_kernel_counts *from)
{
  __u64 *sum = (__u64 *)to, *more = (__u64 *)from;

  for (__u32 i = 0; i < sizeof(*to) / sizeof(*sum); i++) {
    sum[i] += more[i];
    more[i] = 0;
  }
}

/* Takes the stack that was fed, as lg_walk takes the one that it finds. `s` is as lg_walk left it before any frame. */
static __always_inline void lg_take_fed(struct lg_look *look, struct task_struct *task,
                                        struct lg_kernel_process *process)
{
  struct lg_feed *feed = bpf_task_storage_get(&feeds, task, 0, 0);
  struct lg_scratch *s = look->s;

  lg_count(look->counts, fed);
  look->feed = feed;
  if (feed)
    lg_join_counts(look->counts, &feed->counts);
  if (process->flags & LG_PROCESS_UNFED || (!feed && look->thread->fed))
    s->flags |= LG_STACK_TRUNCATED;
  if (!feed || !feed->depth)
    return lg_find_states(look); /* no frame: has the thread a state at all? */
  if (feed->depth > LG_FEED_DEPTH)
    s->flags |= LG_STACK_TRUNCATED;
  look->thread->had_state = 1;
  s->cursor.c_stack = 1; /* one stack: its place does not matter */
  s->stack_depth = s->trampoline = s->starter = s->caller_seen = 0;
  bpf_loop(LG_MAX_FRAMES, lg_feed_step, look, 0);
  lg_merge_stack(s);
}

/* The child goes on with a copy of its maker's stack, as its memory does. */
static __always_inline void lg_fork_feed(struct lg_kernel_thread *thread, struct task_struct *maker,
                                         struct task_struct *child)
{
  struct lg_feed *from = bpf_task_storage_get(&feeds, maker, 0, 0);
  struct lg_feed *to = bpf_task_storage_get(&feeds, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  struct lg_kernel_process *process;
  __u32 tgid = child->tgid;

  thread->fed = 1;
  if (from && to && !bpf_probe_read_kernel(to->code, sizeof(to->code), from->code)) {
    to->depth = from->depth;
    return;
  }
  process = bpf_map_lookup_elem(&processes, &tgid);
  if (process)
    lg_unfeed(process);
}

#endif
