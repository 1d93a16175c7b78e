// SPDX-License-Identifier: Dual MIT/GPL
// The programs of the bpf backend: on every system call, fork, exec and exit of the guarded processes.
//
// Way:     *events -> stack -> verdict -> action* in the kernel; the supervisor fills the maps and reads them.
// Thread:  the thread that makes the call, with preemption off.
// Failure: what is missing inside the guard is `unknown`; losses are counted; see bpf/maps.h.
#include "bpf/deny.h"
#include "bpf/probes.h"

/* The verdict, and what follows from it. 1: memory was missing, and a hook of this call judges again. */
static __always_inline int lg_give_verdict(struct lg_look *look, struct lg_settings *set, __u32 right)
{
  lg_count(look->counts, judged);
  if (lg_stage_prepare(right, LG_ROOM_FIRST) && lg_stage_judge(right, LG_ROOM_FIRST))
    return 0;
  if (lg_deny(look, set, right))
    return 1;
  lg_stage_observe(right, 1, LG_ROOM_FIRST);
  return 0;
}

/* Looks at one call of a guarded process whose number is wanted. */
static __always_inline void lg_look_at(struct lg_look *look, struct task_struct *task,
                                       struct lg_kernel_process *process, struct lg_settings *set, __u32 nr)
{
  struct lg_scratch *s = look->s;
  __u32 right = lg_stage_right(nr, LG_ROOM_FIRST), birth = set->want[nr & 511] & LG_WANT_BIRTH;
  __u32 word = right / 64 & (LG_MAX_RIGHTS / 64 - 1), bit = right & 63;
  __u32 phase = process->phase == LG_INIT ? LG_INIT : LG_SERVING;
  __u32 judged = set->judged[phase][word] >> bit & 1, counted = set->counted[word] >> bit & 1;

  lg_forget_refusal(look, task->pid);
  if (!judged && !counted && !birth)
    return;
  lg_describe_call(s, task, process, nr);
  lg_stage_subject(look->thread, look->image, process, LG_ROOM_FIRST);
  if (birth)
    lg_note_birth(look, nr);
  if (counted)
    lg_stage_observe(right, 0, LG_ROOM_FIRST);
  if (!judged || !lg_give_verdict(look, set, right))
    lg_count_unseen(look->counts, s);
}

SEC("tp_btf/sys_enter")
int BPF_PROG(lg_on_call, struct pt_regs *regs, long number)
{
  struct task_struct *task = bpf_get_current_task_btf();
  __u32 zero = 0, nr = number < 0 || number > LG_RIGHT_NO_CALL ? LG_RIGHT_NO_CALL : (__u32)number;
  struct lg_kernel_process *process = lg_process_of(task);
  struct lg_settings *set;
  struct lg_look look;

  if (!process || process->image == LG_IMAGE_DOOR)
    return 0;
  set = bpf_map_lookup_elem(&settings, &zero);
  look.s = lg_scratch_here(LG_ROOM_FIRST);
  look.counts = lg_counts_here();
  if (!set || !look.s || !look.counts)
    return 0;
  lg_count(look.counts, calls);
  if (!set->want[nr & 511])
    return 0;
  look.thread = lg_thread_of(task, process, look.counts);
  if (!look.thread)
    look.thread = lg_lost_thread(look.s);
  look.image = bpf_map_lookup_elem(&images, &process->image);
  if (!look.image)
    look.image = &lg_no_image;
  lg_take_registers(look.s->call.args, regs);
  lg_look_at(&look, task, process, set, nr);
  return 0;
}

/* A child exists and has not run yet. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(lg_on_fork, struct task_struct *maker, struct task_struct *child)
{
  struct lg_kernel_process *process = lg_process_of(maker);
  struct lg_kernel_thread *from, *to;
  struct lg_kernel_counts *counted;
  struct lg_handoff *handoff;
  __u32 zero = 0, tid = maker->pid, child_tid = child->pid;

  if (!process || process->image == LG_IMAGE_DOOR)
    return 0;
  counted = bpf_map_lookup_elem(&counts, &zero);
  if (!counted)
    return 0;
  if (maker->tgid != child->tgid)
    lg_copy_process(process, child->tgid, counted);
  from = bpf_task_storage_get(&threads, maker, 0, 0);
  to = bpf_task_storage_get(&threads, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!to)
    return 0; /* made at its first call, with `unknown` inherited */
  to->image = process->image;
  to->met = 1;
  if (!from || !lg_noted_clone(from)) {
    lg_set_add(&to->inherited, LG_UNKNOWN);
    lg_count(counted, unknown_makers);
    return 0;
  }
  handoff = bpf_map_lookup_elem(&handoffs, &tid);
  if (maker->tgid == child->tgid) {
    lg_begin_thread(to, from, handoff);
    return 0;
  }
  lg_begin_process(to, from);
  if (from->fed && !to->borrows)
    lg_fork_feed(to, maker, child);
  if (handoff)
    bpf_map_update_elem(&handoffs, &child_tid, handoff, BPF_ANY);
  return 0;
}

/* A new program, before its first instruction. Those active when it was asked for are among its spawners. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(lg_on_exec, struct task_struct *task, int old_pid, struct linux_binprm *binary)
{
  struct lg_kernel_process *process = lg_process_of(task);
  struct lg_kernel_thread *thread;
  struct lg_handoff *handoff;
  __u32 tid = task->pid, old_tid = old_pid;

  if (!process || process == &lg_lost_process)
    return 0;
  thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  handoff = bpf_map_lookup_elem(&handoffs, &old_tid);
  if (thread && process->image != LG_IMAGE_DOOR)
    lg_join_spawners(process, thread, handoff);
  else if (process->image != LG_IMAGE_DOOR)
    lg_set_add(&process->spawners, LG_UNKNOWN);
  if (thread)
    lg_begin_program(thread, handoff);
  bpf_map_delete_elem(&handoffs, &old_tid);
  bpf_map_delete_elem(&handoffs, &tid);
  bpf_task_storage_delete(&feeds, task);
  process->parent_image = process->image;
  process->phase = LG_INIT;
  process->flags = LG_PROCESS_ADOPTED; /* its one thread may start without storage */
  process->image = __sync_fetch_and_add(&lg_last_image, 1) + 1;
  return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(lg_on_exit, struct task_struct *task)
{
  __u32 tid = task->pid, tgid = task->tgid;

  /* Not asked of the map of processes: the thread that is counted out last may come here before the others. */
  if (!lg_perhaps[tgid & (LG_PERHAPS - 1)])
    return 0;
  bpf_map_delete_elem(&handoffs, &tid);
  bpf_map_delete_elem(&refusals, &tid);
  if (BPF_CORE_READ(task, signal, live.counter) == 0)
    bpf_map_delete_elem(&processes, &tgid);
  return 0;
}

/* Run by the supervisor: 0 if the process is in that phase now. */
SEC("syscall")
int lg_set_phase(struct lg_phase_request *request)
{
  __u32 pid = request->pid, phase = request->phase;
  struct lg_kernel_process *process = bpf_map_lookup_elem(&processes, &pid);

  if (!process || phase >= LG_PHASES)
    return 1;
  if (process->phase < phase)
    process->phase = phase;
  return 0;
}

/* The same names as in core/backend/bpf/hooks. */
LG_HOOK(file_open)
LG_HOOK(inode_permission)
LG_HOOK(file_ioctl)
LG_HOOK(file_permission)
LG_HOOK(socket_create)
LG_HOOK(socket_bind)
LG_HOOK(socket_listen)
LG_HOOK(socket_connect)
LG_HOOK(socket_sendmsg)
LG_HOOK(socket_shutdown)
LG_HOOK(socket_setsockopt)
LG_HOOK(socket_getsockopt)
LG_HOOK(task_setnice)
LG_HOOK(task_setscheduler)
LG_HOOK(task_setrlimit)
LG_HOOK(task_setioprio)

/* At the stubs of the refused calls (core/backend/bpf/stubs). */
SEC("?kprobe.multi")
int lg_override(struct pt_regs *stub)
{
  return lg_override_answer(stub);
}

SEC("?cgroup/setsockopt")
int lg_cgroup_socket_setsockopt(struct bpf_sockopt *option)
{
  option->optlen = 0; /* the option as it is */
  return lg_cgroup_answer(LG_NR_setsockopt);
}

char lg_license[] SEC("license") = "Dual MIT/GPL";
