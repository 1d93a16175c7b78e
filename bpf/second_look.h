// SPDX-License-Identifier: Apache-2.0
/* The second look at a call: what sys_enter found missing is brought into memory, then the call is judged again.
 *
 * Way:     events -> *stack -> verdict*, where the kernel asks for permission and a program may wait.
 * Thread:  the thread that makes the call. It may be put aside at any time: the room of second looks has a holder.
 * Failure: what cannot be brought into memory, or keeps going away, is `unknown` as it was at the first look.
 *
 * Pages of a program are missing for a while when they are swapped out, moved, or taken away to see who uses them
 * (NUMA balancing). Programs on sys_enter may not wait for them.
 */
#ifndef LIBGUARD_BPF_SECOND_LOOK_H
#define LIBGUARD_BPF_SECOND_LOOK_H

#include "bpf/stages.h"

#define LG_SECOND_LOOKS 64 /* each brings in one read: a stack of 4096 frames lies on fewer pages */

enum lg_second { LG_SECOND_DENIED = 0, LG_SECOND_ALLOWED = 1, LG_SECOND_MISSING = 2 };

/* Waits until the memory is there; 0: it is not the program's. A read crosses one border of pages at most. */
static __always_inline int lg_bring_in(const struct lg_refusal *refusal)
{
  __u64 last = refusal->missing + refusal->missing_size - 1;
  __u8 byte;

  return !bpf_copy_from_user(&byte, 1, (const void *)(unsigned long)refusal->missing) &&
         !bpf_copy_from_user(&byte, 1, (const void *)(unsigned long)last);
}

struct lg_second_look {
  struct lg_scratch *s;
  struct lg_kernel_process *process;
  struct lg_refusal *refusal;
  __u64 second; /* enum lg_second */
};

/* Judges the call again, in the room that is taken; `last`: whatever is missing now stays so. */
static __always_inline __u64 lg_judge_again(struct lg_second_look *again, int last)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  struct lg_kernel_thread *thread = bpf_task_storage_get(&threads, task, 0, 0);
  struct lg_image *image = bpf_map_lookup_elem(&images, &again->process->image);
  struct lg_refusal *refusal = again->refusal;
  struct lg_scratch *s = again->s;
  struct lg_kernel_counts *counted = lg_counts_here();
  __u32 right = refusal->right;
  int allowed;

  if (!thread)
    thread = lg_lost_thread(s);
  if (!image)
    image = &lg_no_image;
  lg_take_registers(s->call.args, regs);
  lg_describe_call(s, task, again->process, refusal->call - 1);
  lg_stage_subject(thread, image, again->process, LG_ROOM_SECOND);
  allowed = lg_stage_prepare(right, LG_ROOM_SECOND) && lg_stage_judge(right, LG_ROOM_SECOND);
  if (!allowed && s->missing.size && !last) {
    refusal->missing = s->missing.address;
    refusal->missing_size = s->missing.size;
    return LG_SECOND_MISSING;
  }
  if (counted)
    lg_count_unseen(counted, s);
  if (allowed)
    return LG_SECOND_ALLOWED;
  lg_stage_observe(right, 1, LG_ROOM_SECOND);
  return LG_SECOND_DENIED;
}

static long lg_second_step(__u64 index, struct lg_second_look *again)
{
  int last = !lg_bring_in(again->refusal) || index == LG_SECOND_LOOKS - 1;

  if (__sync_lock_test_and_set(&again->s->taken, 1))
    return 0; /* its holder was put aside: what is missing is brought in once more, which takes time */
  again->second = lg_judge_again(again, last);
  again->s->taken = 0;
  return again->second != LG_SECOND_MISSING;
}

/* 1: the call is allowed. */
static __always_inline int lg_look_again(struct lg_kernel_process *process, struct lg_refusal *refusal)
{
  struct lg_second_look again = {.s = lg_scratch_here(LG_ROOM_SECOND), .process = process, .refusal = refusal};

  if (!again.s)
    return 0;
  bpf_loop(LG_SECOND_LOOKS, lg_second_step, &again, 0);
  return again.second == LG_SECOND_ALLOWED;
}

#endif
