// SPDX-License-Identifier: Apache-2.0
/* Refusing: the verdict that sys_enter left for the thread, told where the kernel asks for permission.
 *
 * Way:     verdict -> *action*.
 * Thread:  the thread that makes the call.
 * Failure: a call that reaches none of the hooks of its right is not refused here: such rights are never claimed
 *          (core/backend/bpf/hooks), they stay with notify.
 *
 * Each hook exists twice: for the BPF LSM, where it is among the active ones (lsm= of the boot line), and as
 * fmod_ret on the same security_ function, which needs no boot parameter. The loader takes one of them, and only those
 * hooks that the refused rights need: every hook costs every process of the machine. Where the kernel lets the stubs of
 * system calls be overridden, one program stands at those stubs that active LSM hooks do not answer for.
 */
#ifndef LIBGUARD_BPF_DENY_H
#define LIBGUARD_BPF_DENY_H

#include "bpf/lifecycle.h"

#define LG_LARGEST_ERRNO 4095

/* A task of a guarded process in a call that is judged. */
static __always_inline int lg_makes_judged_call(struct task_struct *task)
{
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
  __u32 zero = 0, nr = (__u32)regs->orig_ax;
  struct lg_settings *set = bpf_map_lookup_elem(&settings, &zero);

  return set && lg_process_of(task) && set->want[nr & 511] & LG_WANT_RIGHT;
}

/* Refused only while the call is still the one that was judged: a later call may be one that nobody looked at. */
static __always_inline int lg_hook_answer(void)
{
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 tid = task->pid;
  struct lg_refusal *refusal;
  struct lg_kernel_counts *counted;
  struct pt_regs *regs;
  int error = -1;

  if (!lg_perhaps[task->tgid & (LG_PERHAPS - 1)])
    return 0;
  refusal = bpf_map_lookup_elem(&refusals, &tid);
  if (!refusal) { /* once a verdict was lost, nothing that is judged passes */
    if (!lg_refuses_all || !lg_makes_judged_call(task))
      return 0;
    LG_OPAQUE(error); /* else the compiler negates the condition: see below */
    return error;
  }
  regs = (struct pt_regs *)bpf_task_pt_regs(task);
  if (regs->orig_ax + 1 != refusal->call)
    return 0;
  counted = lg_counts_here();
  if (counted)
    lg_count(counted, hook_denied);
  /* From 6.12 on the verifier wants to see that the answer is an errno; it loses the bounds of what is negated. */
  error = refusal->error;
  if (error >= 0)
    return -1;
  LG_OPAQUE(error);
  if (error < -LG_LARGEST_ERRNO)
    return -1;
  return error;
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
