// SPDX-License-Identifier: Apache-2.0
/* What the programs in the kernel need before anything else: helpers, the reader under the walk, bounded addresses.
 *
 * Way:     *events -> stack*.
 * Thread:  runs on the thread that makes the call, with preemption off.
 * Failure: a read that the kernel refuses is LG_STEP_FAULT in the walk; memory is never paged in here, but what was
 *          missing last is kept, for a look that may wait for it (bpf/second_look.h).
 */
#ifndef LIBGUARD_BPF_HELPERS_H
#define LIBGUARD_BPF_HELPERS_H

#include "bpf/vmlinux.h" /* first: the headers of libbpf use its types */

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/judge.h"

/* What could not be read, of the program's memory. */
struct lg_missing {
  __u64 address;
  __u32 size; /* 0: nothing */
  __u32 pad;
};

/* The walk's reader is bpf_probe_read_user; the verifier wants every offset bounded where it is used. */
#define LG_READER struct lg_missing
#define LG_READ(reader, to, size, address)                                        \
  (bpf_probe_read_user((to), (size), (const void *)(unsigned long)(address)) == 0 \
       ? 0                                                                        \
       : lg_note_missing((reader), (address), (size)))
static __always_inline long lg_note_missing(struct lg_missing *missing, __u64 address, __u32 size)
{
  missing->address = address;
  missing->size = size;
  return -1;
}

#define LG_OFFSET_LIMIT 256
static __always_inline __u32 lg_bounded(__u32 offset, __u32 mask)
{
  LG_OPAQUE(offset);
  return offset & mask;
}
#define LG_OFFSET(offset) lg_bounded((offset), LG_OFFSET_LIMIT - 1)
#include "bpf/walk_cpython.h"

#define lg_count(counts, field) ((counts)->field++)

#endif
