// SPDX-License-Identifier: Apache-2.0
/* Refusing: the verdict that sys_enter left for the thread, told where the kernel asks for permission.
 *
 * Way:     verdict -> *action*.
 * Thread:  the thread that makes the call.
 * Failure: a call that reaches none of the hooks of its right is not refused here: such rights are never claimed
 *          (core/backend/bpf/hooks), they stay with notify.
 *
 * Each hook exists three times: for the BPF LSM, where it is among the active ones (lsm= of the boot line), as a
 * program that may wait if the kernel allows that for the hook, and that judges again what sys_enter could not read;
 * and as fmod_ret on the same security_ function, which needs no boot parameter. The loader takes one of them, and only
 * those hooks that the refused rights need: every hook costs every process of the machine. Where the kernel lets the
 * stubs of system calls be overridden, one program stands at those stubs that active LSM hooks do not answer for.
 */
#ifndef LIBGUARD_BPF_DENY_H
#define LIBGUARD_BPF_DENY_H

#include "bpf/second_look.h"

#define LG_LARGEST_ERRNO 4095

/* From 6.12 on the verifier wants to see that the answer is an errno; it loses the bounds of what is negated. */
static __always_inline int lg_errno_of(int error)
{
  if (error >= 0)
    return -1;
  LG_OPAQUE(error);
  if (error < -LG_LARGEST_ERRNO)
    return -1;
  return error;
}

static __always_inline int lg_refuse(const struct lg_refusal *refusal)
{
  struct lg_kernel_counts *counted = lg_counts_here();

  if (counted)
    lg_count(counted, hook_denied);
  return lg_errno_of(refusal->error);
}

/* Of a hook that may not wait. What is to be judged again passes here: it comes to one that may. */
static __always_inline int lg_hook_answer(void)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct lg_refusal *refusal;

  if (!lg_perhaps[task->tgid & (LG_PERHAPS - 1)])
    return 0;
  refusal = lg_refusal_of(task);
  if (!refusal)
    return lg_answer_without_verdict(task);
  if (refusal->missing_size)
    return 0;
  return lg_refuse(refusal);
}

/* Of a hook that may wait. */
static __always_inline int lg_waiting_answer(void)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct lg_kernel_process *process;
  struct lg_kernel_counts *counted;
  struct lg_refusal *refusal;
  __u32 tid = task->pid;

  if (!lg_perhaps[task->tgid & (LG_PERHAPS - 1)])
    return 0;
  refusal = lg_refusal_of(task);
  if (!refusal)
    return lg_answer_without_verdict(task);
  if (!refusal->missing_size)
    return lg_refuse(refusal);
  counted = lg_counts_here();
  if (counted)
    lg_count(counted, second_looks);
  process = lg_process_of(task);
  if (process && lg_look_again(process, refusal)) {
    bpf_map_delete_elem(&refusals, &tid);
    return 0;
  }
  refusal->missing_size = 0;
  lg_deny_for_good(refusal);
  return lg_refuse(refusal);
}

/* The last resort before notify: programs of the root cgroup, whose sockets are all there are. One of them is asked
 * before a call does anything and for every kind of socket: the one for setsockopt. Those for bind, connect and sendmsg
 * know two families only, that for getsockopt is asked when it has been answered. They are not told which call it is:
 * a thread whose last judged call was a refused setsockopt is in that call, because each is judged.
 */
static __always_inline int lg_cgroup_answer(__u32 nr)
{
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 tid = task->pid, tgid = task->tgid;
  struct lg_refusal *refusal = bpf_map_lookup_elem(&refusals, &tid);
  struct lg_kernel_counts *counted;

  if (!refusal)
    return !(lg_refuses_all && bpf_map_lookup_elem(&processes, &tgid));
  if (refusal->call != nr + 1)
    return 1;
  counted = lg_counts_here();
  if (counted)
    lg_count(counted, hook_denied);
  bpf_set_retval(refusal->error);
  return 0;
}

/* The call is answered in place of its stub, which does not run. */
static __always_inline int lg_override_answer(struct pt_regs *stub)
{
  int error = lg_hook_answer();

  if (error)
    bpf_override_return(stub, (__u64)(__s64)error);
  return 0;
}

#define LG_HOOK(name)               \
  SEC("?lsm/" #name)                \
  int lg_lsm_##name(void *context)  \
  {                                 \
    return lg_hook_answer();        \
  }                                 \
  SEC("?lsm.s/" #name)              \
  int lg_lsms_##name(void *context) \
  {                                 \
    return lg_waiting_answer();     \
  }                                 \
  SEC("?fmod_ret/security_" #name)  \
  int lg_fmod_##name(void *context) \
  {                                 \
    return lg_hook_answer();        \
  }

#endif
