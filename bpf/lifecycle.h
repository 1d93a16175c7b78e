// SPDX-License-Identifier: Apache-2.0
/* Who is guarded: processes and threads from birth to end.
 *
 * Way:     *events* -> stack: what a new task inherits is fixed before it runs.
 * Thread:  fork runs on the maker, exec and exit on the task itself.
 * Failure: a task whose maker's stack was not noted inherits `unknown`; what cannot be remembered is counted, and a
 *          thread with storage but without a process is `unknown` from then on.
 */
#ifndef LIBGUARD_BPF_LIFECYCLE_H
#define LIBGUARD_BPF_LIFECYCLE_H

#include "bpf/caller.h"
#include "bpf/guarded.h"
#include "bpf/subject.h"

#define LG_CLONE_VM 0x100ull
#define LG_CLONE_VFORK 0x4000ull
#define LG_FIRST_IMAGE 2u /* 1: the program of a process that ran before its guard */

__u32 lg_last_image = LG_FIRST_IMAGE - 1; /* written by the kernel */
__u32 lg_refuses_all;                     /* 1: a refusal found no room */
__u32 lg_refused_unnoted;                 /* 1: a thread was refused a call and does not know it */
struct lg_image lg_no_image;              /* of a program that nobody looked at yet */

/* What is remembered of a guarded thread; null: no memory for it, or out of reach just now. */
static __always_inline struct lg_kernel_thread *lg_thread_of(struct task_struct *task,
                                                             struct lg_kernel_process *process,
                                                             struct lg_kernel_counts *counted)
{
  struct lg_kernel_thread *thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

  if (!thread) {
    lg_count(counted, threads_lost);
    return 0;
  }
  if (!thread->met) {
    thread->met = 1;
    if (!(process->flags & LG_PROCESS_ADOPTED) || task->pid != task->tgid) {
      lg_set_add(&thread->inherited, LG_UNKNOWN);
      lg_count(counted, unknown_makers);
    }
  }
  if (thread->image != process->image) {
    thread->image = process->image;
    thread->had_state = thread->fed = 0;
    thread->state = 0;
  }
  return thread;
}

/* Who called when a task is made from here; the same rule as maker_from of core/backend/notify/subjects. */
static __always_inline __u16 lg_maker_from(const struct lg_stack *stack, const struct lg_handoff *handoff, __u16 maker)
{
  int handed = handoff && handoff->noted && (stack->caller == LG_RUNTIME || (stack->flags & LG_STACK_TRAMPOLINE));

  if (handed)
    return handoff->caller;
  return stack->caller == LG_RUNTIME ? maker : stack->caller;
}

/* Keeps the stack of a call that may make a thread, a process or a program. */
static __always_inline void lg_note_birth(struct lg_look *look, __u32 nr)
{
  struct lg_kernel_thread *thread = look->thread;

  thread->noted = nr + 1;
  thread->note = look->s->call.subject.stack;
  thread->note_flags = nr == LG_NR_clone ? (__u32)look->s->call.args[0] : 0;
  if (nr == LG_NR_vfork)
    thread->note_flags = LG_CLONE_VM | LG_CLONE_VFORK;
}

static __always_inline int lg_noted_clone(const struct lg_kernel_thread *maker)
{
  return maker->noted == LG_NR_clone + 1 || maker->noted == LG_NR_fork + 1 || maker->noted == LG_NR_vfork + 1;
}

/* A new thread: judged by what its maker did when it made it. */
static __always_inline void lg_begin_thread(struct lg_kernel_thread *child, struct lg_kernel_thread *maker,
                                            const struct lg_handoff *handoff)
{
  child->inherited = maker->inherited;
  lg_set_join(&child->inherited, &maker->note.active);
  if (handoff && handoff->noted)
    lg_set_join(&child->inherited, &handoff->active);
  child->maker = lg_maker_from(&maker->note, handoff, (__u16)maker->maker);
}

/* A new process goes on with its maker's stack: in the copy of the memory, or borrowed while the maker waits. */
static __always_inline void lg_begin_process(struct lg_kernel_thread *child, struct lg_kernel_thread *maker)
{
  __u32 shares = LG_CLONE_VM | LG_CLONE_VFORK;

  child->inherited = maker->inherited;
  child->maker = maker->maker;
  if ((maker->note_flags & shares) == shares) {
    child->borrows = 1;
    child->borrowed = maker->note;
  }
}

static __always_inline void lg_copy_process(struct lg_kernel_process *process, __u32 tgid,
                                            struct lg_kernel_counts *counted)
{
  lg_perhaps[tgid & (LG_PERHAPS - 1)] = 1;
  if (bpf_map_update_elem(&processes, &tgid, process, BPF_ANY) == 0)
    return;
  lg_overflowed = 1;
  lg_count(counted, processes_lost);
}

/* Those active when a program was asked for, of all execs up to here. */
static __always_inline void lg_join_spawners(struct lg_kernel_process *process, const struct lg_kernel_thread *thread,
                                             const struct lg_handoff *handoff)
{
  if (thread->noted != LG_NR_execve + 1 && thread->noted != LG_NR_execveat + 1)
    lg_set_add(&process->spawners, LG_UNKNOWN);
  lg_set_join(&process->spawners, &thread->note.active);
  lg_set_join(&process->spawners, &thread->inherited);
  if (handoff && handoff->noted)
    lg_set_join(&process->spawners, &handoff->active);
}

/* The thread that goes on into a new program: what it had was of the old memory, but for who asked. */
static __always_inline void lg_begin_program(struct lg_kernel_thread *thread, const struct lg_handoff *handoff)
{
  thread->maker = thread->noted ? lg_maker_from(&thread->note, handoff, (__u16)thread->maker) : 0;
  __builtin_memset(&thread->inherited, 0, sizeof(thread->inherited));
  thread->borrows = thread->noted = 0;
  thread->met = 1;
}

#endif
