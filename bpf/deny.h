// SPDX-License-Identifier: Apache-2.0
/* Refusing: the verdict that sys_enter left in the thread, told where the kernel asks for permission.
 *
 * Way:     verdict -> *action*.
 * Thread:  the thread that makes the call.
 * Failure: a call that reaches none of the hooks of its right is not refused here: such rights are never claimed
 *          (core/backend/bpf/hooks), they stay with notify.
 *
 * Each hook exists twice: for the BPF LSM, where it is among the active ones (lsm= of the boot line), and as
 * fmod_ret on the same security_ function, which needs no boot parameter. The loader takes one of them, and only those
 * hooks that the refused rights need: every hook costs every process of the machine.
 */
#ifndef LIBGUARD_BPF_DENY_H
#define LIBGUARD_BPF_DENY_H

#include "bpf/lifecycle.h"

#define LG_LARGEST_ERRNO 4095

/* Refused only while the call is still the one that was judged: a later call may be one that nobody looked at. */
static __always_inline int lg_hook_answer(void)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct lg_kernel_thread *thread = bpf_task_storage_get(&threads, task, 0, 0);
  struct lg_kernel_counts *counted;
  struct pt_regs *regs;
  int error;

  if (!thread || !thread->denied)
    return 0;
  regs = (struct pt_regs *)bpf_task_pt_regs(task);
  if (regs->orig_ax + 1 != thread->denied)
    return 0;
  counted = lg_counts_here();
  if (counted)
    lg_count(counted, hook_denied);
  /* From 6.12 on the verifier wants to see that the answer is an errno; it loses the bounds of what is negated. */
  error = thread->error;
  if (error >= 0)
    return -1;
  LG_OPAQUE(error);
  if (error < -LG_LARGEST_ERRNO)
    return -1;
  return error;
}

#define LG_HOOK(name)                        \
  SEC("?lsm/" #name)                         \
  int lg_lsm_##name(void *context)           \
  {                                          \
    return lg_hook_answer();                 \
  }                                          \
  SEC("?fmod_ret/security_" #name)           \
  int lg_fmod_##name(void *context)          \
  {                                          \
    return lg_hook_answer();                 \
  }

#endif
