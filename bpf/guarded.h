// SPDX-License-Identifier: Apache-2.0
/* Is a task guarded? Asked at every call of every process of the machine.
 *
 * Way:     *events*.
 * Thread:  any.
 * Failure: a process that found no room in the map is `unknown`, not free.
 */
#ifndef LIBGUARD_BPF_GUARDED_H
#define LIBGUARD_BPF_GUARDED_H

#include "bpf/maps.h"

__u32 lg_overflowed; /* 1: a process found no room in the map */
struct lg_kernel_process lg_lost_process = {.image = ~0u};

/* Written by the supervisor and the kernel. By the low bits of a number; 0: no process with such a number was ever
 * guarded. All others of the machine ask here at each of their calls, and a map takes ten times as long.
 */
__u8 lg_perhaps[LG_PERHAPS];

/* The guarded process of a task; null: not guarded. */
static __always_inline struct lg_kernel_process *lg_process_of(struct task_struct *task)
{
  __u32 tgid = task->tgid;
  struct lg_kernel_process *process;

  if (!lg_perhaps[tgid & (LG_PERHAPS - 1)])
    return 0;
  process = bpf_map_lookup_elem(&processes, &tgid);
  if (process || !lg_overflowed)
    return process;
  return bpf_task_storage_get(&threads, task, 0, 0) ? &lg_lost_process : 0;
}

#endif
