// SPDX-License-Identifier: Dual MIT/GPL
// The walk of the bpf backend on the thread that asks for it by a prctl, which the filter of walk_probe lets pass. The
// codes of the frames, which the backend has no use for, are taken down on the way.
#include "tests/frontend/walk/kernel_copy.h"

#include "bpf/helpers.h"

const volatile __u64 lg_asked_by; /* written by walk_probe: other probes may run */

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, LG_COPY_THREADS);
  __type(key, __u32);
  __type(value, struct lg_kernel_copy);
} copies SEC(".maps");

/* Stays zero: too large for the stack of a program. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct lg_kernel_copy);
} blank SEC(".maps");

static __always_inline int lg_take_down(const struct lg_python_offsets* o, const struct lg_python_program* p,
                                        const __u8* bytes, struct lg_python_cursor* cursor) {
  int step = lg_python_take_frame(o, p, bytes, cursor);
  __u32 tid = (__u32)bpf_get_current_pid_tgid();
  struct lg_kernel_copy* copy = step == LG_STEP_FRAME ? bpf_map_lookup_elem(&copies, &tid) : 0;

  if (copy) {
    copy->codes[copy->count & (LG_MAX_FRAMES - 1)] = cursor->code;
    copy->count++;
  }
  return step;
}
#define lg_python_take_frame lg_take_down
#include "bpf/subject.h"

SEC("tp_btf/sys_enter")
int BPF_PROG(lg_on_asking, struct pt_regs* regs, long number) {
  struct task_struct* task = bpf_get_current_task_btf();
  __u32 zero = 0, image = LG_COPY_IMAGE, tid = task->pid;
  struct lg_look look = {.s = lg_scratch_here(LG_ROOM_FIRST), .counts = lg_counts_here()};
  struct lg_kernel_copy *copy, *empty;

  if (number != LG_NR_prctl || regs->di != LG_COPY_PRCTL || regs->si != lg_asked_by) return 0;
  empty = bpf_map_lookup_elem(&blank, &zero);
  if (!empty || bpf_map_update_elem(&copies, &tid, empty, BPF_ANY)) return 0;
  copy = bpf_map_lookup_elem(&copies, &tid);
  look.thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  look.image = bpf_map_lookup_elem(&images, &image);
  if (!copy || !look.s || !look.counts || !look.thread || !look.image) return 0;
  lg_walk(&look, task->thread.fsbase, LG_COPY_IMAGE);
  copy->stack = look.s->call.subject.stack;
  copy->interpreters = look.s->cached ? 1 : look.s->search.interpreters_seen;
  return 0;
}

char lg_license[] SEC("license") = "Dual MIT/GPL";
