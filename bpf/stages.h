// SPDX-License-Identifier: Apache-2.0
/* The stages of a look at a call, one after the other: right, subject, verdict, count.
 *
 * Way:     events -> *stack -> verdict*.
 * Thread:  the thread that makes the call, in a room of the scratch that it has for itself.
 * Failure: without a scratch nothing is allowed and nothing counted; see the parts.
 */
#ifndef LIBGUARD_BPF_STAGES_H
#define LIBGUARD_BPF_STAGES_H

#include "bpf/record.h"
#include "bpf/refusal.h"

/* The stages are global functions: the verifier checks each by itself, so that paths do not multiply. Each finds the
 * scratch of this processor anew, by its room; what crosses from one to the next stands in it.
 */

#define LG_ASKS 0x10000u

/* Right of the call whose arguments stand in the scratch; with LG_ASKS if it depends on the family. */
__noinline int lg_stage_classify(__u32 nr, __u32 own_pid, __u32 family, __u32 room)
{
  struct lg_scratch *s = lg_scratch_here(room);
  __u32 asks = 0, right;

  if (!s)
    return LG_RIGHT_NO_CALL;
  right = lg_classify_asking(nr, s->call.args, own_pid, family, &asks);
  return right | asks * LG_ASKS;
}

/* The same, looked up. */
__noinline int lg_stage_right(__u32 nr, __u32 room)
{
  struct task_struct *task = bpf_get_current_task_btf();
  struct lg_scratch *s = lg_scratch_here(room);
  __u32 own_pid, right;

  if (!s)
    return LG_RIGHT_NO_CALL;
  if (lg_first_rule(nr) == LG_NO_RULE)
    return nr < LG_RIGHT_NO_CALL ? nr : LG_RIGHT_NO_CALL;
  own_pid = lg_own_pid(task);
  right = lg_stage_classify(nr, own_pid, 0, room);
  if (right & LG_ASKS)
    right = lg_stage_classify(nr, own_pid, lg_family_of(task, (__u32)s->call.args[0]), room);
  return right & (LG_ASKS - 1);
}

/* Makes the subject of the call. */
__noinline int lg_stage_subject(struct lg_kernel_thread *thread, struct lg_image *image,
                                struct lg_kernel_process *process, __u32 room)
{
  struct lg_look look = {.s = lg_scratch_here(room), .counts = lg_counts_here(), .thread = thread, .image = image};

  if (!look.s || !look.counts || !thread || !image || !process)
    return 0;
  lg_subject_of(&look, bpf_get_current_task_btf(), process);
  return 1;
}

/* What of the subject in the scratch counts for the right; 1: it is prepared. */
__noinline int lg_stage_prepare(__u32 right, __u32 room)
{
  struct lg_scratch *s = lg_scratch_here(room);

  if (!s)
    return 0;
  lg_prepare(&s->call.subject, (__u16)right, &s->parts);
  return 1;
}

/* The verdict about what was prepared; 1: allowed. */
__noinline int lg_stage_judge(__u32 right, __u32 room)
{
  __u32 zero = 0;
  struct lg_matrix *matrix = bpf_map_lookup_elem(&matrices, &zero);
  struct lg_scratch *s = lg_scratch_here(room);
  __u8 known = 1;

  if (!matrix || !s)
    return 0;
  if (s->parts.needs_function)
    known = lg_knows_function(right, &s->call.subject);
  lg_conclude(matrix, &s->call.subject, &s->parts, known, &s->verdict);
  return s->verdict.allowed != 0;
}

/* Counts the call of the subject in the scratch. */
__noinline int lg_stage_observe(__u32 right, __u32 deviation, __u32 room)
{
  struct lg_look look = {.s = lg_scratch_here(room), .counts = lg_counts_here()};

  if (!look.s || !look.counts)
    return 0;
  lg_observe(&look, right & (LG_MAX_RIGHTS - 1), deviation != 0);
  return 1;
}

static __always_inline void lg_take_registers(__u64 *args, const struct pt_regs *regs)
{
  args[0] = regs->di;
  args[1] = regs->si;
  args[2] = regs->dx;
  args[3] = regs->r10;
  args[4] = regs->r8;
  args[5] = regs->r9;
}

/* Which call it is, for the subject and for whoever is told of it. */
static __always_inline void lg_describe_call(struct lg_scratch *s, struct task_struct *task,
                                             const struct lg_kernel_process *process, __u32 nr)
{
  s->call.nr = nr;
  s->call.pid = task->tgid;
  s->call.tid = task->pid;
  s->call.image = process->image;
}

#endif
