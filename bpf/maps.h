// SPDX-License-Identifier: Apache-2.0
/* The maps of the bpf backend. Each says who writes it, who reads it, and what happens when it is full.
 *
 * Way:     *events -> stack -> verdict*: what the kernel remembers between calls.
 * Thread:  task storage belongs to its thread; other maps are shared, written whole or by atomic steps.
 * Failure: counted in struct lg_kernel_counts; what is missing inside the guard is `unknown`, never "not guarded".
 */
#ifndef LIBGUARD_BPF_MAPS_H
#define LIBGUARD_BPF_MAPS_H

#include "bpf/helpers.h"
#include "bpf/kernel.h"

struct lg_code_memory {
  struct lg_code_entry entry;
  __u64 epoch; /* with the image in the upper bits: good for this epoch of this program only */
};

/* One guarded thread. Only programs that run on it, or at its birth, touch it. */
struct lg_kernel_thread {
  __u32 image;     /* that the cached addresses belong to */
  __u32 had_state; /* a later NO_STATE means that the thread is ending */
  __u64 state, link, interpreters;
  struct lg_set inherited;
  __u32 maker;
  __u32 borrows; /* vfork child: its maker's stack is its own, until exec */
  struct lg_stack borrowed;
  __u32 noted;          /* 1 + number of the call that `note` was taken at */
  __u32 note_flags;     /* of that clone */
  struct lg_stack note; /* what a task made by this call goes on with */
  __u32 met;     /* 1: `inherited` is what it should be */
  __u32 refused; /* 1: there may be an entry among the refusals */
  __u32 fed;     /* 1: a probe pushed: there must be a feed */
  __u64 salt; /* makes the cache of a thread without storage of its own good for one call */
  struct lg_code_memory cache[LG_CODE_CACHE];
};

/* Written and read by the kernel. Cannot be made (no memory): its thread is `unknown`, counted. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct lg_kernel_thread);
} threads SEC(".maps");

/* By tgid. Written by the kernel at fork, exec, exit; the first by the supervisor. Cannot be made: `overflowed` is set,
 * and from then on a thread with storage and without a process is judged as `unknown`. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, LG_KERNEL_PROCESSES);
  __type(key, __u32);
  __type(value, struct lg_kernel_process);
} processes SEC(".maps");

/* By number of exec. Written by the supervisor, read by the kernel. Full: the oldest goes, its calls are `unknown`. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, LG_KERNEL_IMAGES);
  __type(key, __u32);
  __type(value, struct lg_image);
} images SEC(".maps");

/* By tid: the hand-off in force. Written by the supervisor, copied and removed by the kernel. Full: none in force. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, LG_KERNEL_HANDOFFS);
  __type(key, __u32);
  __type(value, struct lg_handoff);
} handoffs SEC(".maps");

/* By tid: the call that hooks refuse. Written and removed by the kernel. In no task storage, whose look-ups may fail on
 * Linux 6.1 with preemption: what is not found there must not pass. Full: `lg_refuses_all` is set, and hooks refuse every
 * judged call of every guarded process from then on. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, LG_KERNEL_REFUSALS);
  __type(key, __u32);
  __type(value, struct lg_refusal);
} refusals SEC(".maps");

/* Function cells of the policy. Written by the supervisor, read by the kernel. Full: the function is not known. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, LG_KERNEL_FUNCTIONS);
  __type(key, struct lg_function_cell);
  __type(value, __u8);
} functions SEC(".maps");

/* One value. Written by the supervisor through a mapping, read by the kernel. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct lg_matrix);
} matrices SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct lg_settings);
} settings SEC(".maps");

/* By number of a library. Written by the supervisor, read by the one that takes over. Full with the last number. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, LG_MAX_LIBRARIES);
  __type(key, __u32);
  __type(value, struct lg_library_name);
} names SEC(".maps");

/* Content -> number. Written by the kernel, read by the supervisor. Full: the call is counted in states_lost. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, LG_KERNEL_STATES);
  __type(key, struct lg_state);
  __type(value, __u32);
} states SEC(".maps");

/* (state, right) -> calls. Written by the kernel, read by the supervisor. Full: counted in pairs_lost. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, LG_KERNEL_PAIRS);
  __type(key, struct lg_pair);
  __type(value, __u64);
} pairs SEC(".maps");

/* bpf/told.h. Full: a first call is counted in events_lost; its pair is counted still, without a sample of its stack. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, LG_KERNEL_RING);
} ring SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct lg_kernel_counts);
} counts SEC(".maps");

#endif
