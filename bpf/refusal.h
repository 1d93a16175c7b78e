// SPDX-License-Identifier: Apache-2.0
/* The verdict of a call that is not allowed, kept until the kernel asks for permission.
 *
 * Way:     *verdict* -> action.
 * Thread:  the thread that makes the call; its entry is its own.
 * Failure: a verdict that finds no room makes the hooks refuse every judged call of the guard, counted.
 */
#ifndef LIBGUARD_BPF_REFUSAL_H
#define LIBGUARD_BPF_REFUSAL_H

#include "bpf/lifecycle.h"

/* The last call of this thread that hooks refused is over. */
static __always_inline void lg_forget_refusal(struct lg_look *look, __u32 tid)
{
  if (!look->thread->refused && !lg_refused_unnoted)
    return;
  look->thread->refused = 0;
  bpf_map_delete_elem(&refusals, &tid);
}

#define LG_O_PATH 010000000

/* Does such a call come to the hook that may wait before it has any effect? What is only looked up is not opened. */
static __always_inline int lg_comes_to_last_hook(__u32 nr, const __u64 *args)
{
  if (nr == LG_NR_openat2)
    return 0; /* its flags are not in registers */
  if (nr == LG_NR_open)
    return !(args[1] & LG_O_PATH);
  return nr != LG_NR_openat || !(args[2] & LG_O_PATH);
}

/* Leaves the verdict where the hooks of this call find it. 1: one of them judges again, because memory was missing. */
static __always_inline int lg_deny(struct lg_look *look, const struct lg_settings *set, __u32 right)
{
  struct lg_scratch *s = look->s;
  __u32 word = right / 64 & (LG_MAX_RIGHTS / 64 - 1), bit = right & 63, tid = s->call.tid, nr = s->call.nr;
  struct lg_refusal refusal = {.call = nr + 1, .error = -set->error, .right = right};

  if (!(set->refused[word] >> bit & 1))
    return 0;
  if (s->missing.size && set->want[nr & 511] & LG_WANT_AGAIN && lg_comes_to_last_hook(nr, s->call.args)) {
    refusal.missing = s->missing.address;
    refusal.missing_size = s->missing.size;
  } else {
    lg_count(look->counts, denied);
  }
  look->thread->refused = 1;
  if (look->thread == &s->lost)
    lg_refused_unnoted = 1;
  if (bpf_map_update_elem(&refusals, &tid, &refusal, BPF_ANY)) {
    lg_refuses_all = 1;
    lg_count(look->counts, refusals_lost);
  }
  if (set->killed[word] >> bit & 1 && !refusal.missing_size)
    bpf_send_signal(9);
  return refusal.missing_size != 0;
}

/* Refused only while the call is still the one that was judged: a later call may be one that nobody looked at. */
static __always_inline struct lg_refusal *lg_refusal_of(struct task_struct *task)
{
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u32 tid = task->pid;
  struct lg_refusal *refusal = bpf_map_lookup_elem(&refusals, &tid);

  return refusal && regs->orig_ax + 1 == refusal->call ? refusal : 0;
}

/* What lg_deny left to the second look. */
static __always_inline void lg_deny_for_good(const struct lg_refusal *refusal)
{
  __u32 zero = 0, word = refusal->right / 64 & (LG_MAX_RIGHTS / 64 - 1), bit = refusal->right & 63;
  struct lg_settings *set = bpf_map_lookup_elem(&settings, &zero);
  struct lg_kernel_counts *counted = lg_counts_here();

  if (counted)
    lg_count(counted, denied);
  if (set && set->killed[word] >> bit & 1)
    bpf_send_signal(9);
}

/* A task of a guarded process in a call that is judged. */
static __always_inline int lg_makes_judged_call(struct task_struct *task)
{
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u32 zero = 0, nr = (__u32)regs->orig_ax;
  struct lg_settings *set = bpf_map_lookup_elem(&settings, &zero);

  return set && lg_process_of(task) && set->want[nr & 511] & LG_WANT_RIGHT;
}

/* Once a verdict was lost, nothing that is judged passes. */
static __always_inline int lg_answer_without_verdict(struct task_struct *task)
{
  __u32 tid = task->pid;
  int error = -1;

  if (!lg_refuses_all || bpf_map_lookup_elem(&refusals, &tid) || !lg_makes_judged_call(task))
    return 0;
  LG_OPAQUE(error); /* else the compiler negates the condition: see lg_errno_of of bpf/deny.h */
  return error;
}

#endif
