// SPDX-License-Identifier: Apache-2.0
/* What the programs in the kernel tell the supervisor through the ring; records differ by their size.
 *
 * Way:     stack -> *profile*, verdict -> *event*.
 * Thread:  written by the thread that makes the call, read by the supervisor.
 * Failure: a full ring loses records: of first calls counted, of memory told again at the next call.
 */
#ifndef LIBGUARD_BPF_TOLD_H
#define LIBGUARD_BPF_TOLD_H

#include "bpf/abi.h"

#define LG_SAMPLE_FRAMES 128 /* a power of two */

/* Key of the counts. */
struct lg_pair {
  __u32 state;
  __u16 right;
  __u16 deviation; /* 1: the verdict was not allow */
};
LG_ASSERT_SIZE(struct lg_pair, 8);

struct lg_sample_frame {
  __u16 library, pad;
  __u32 function;
};

/* In the ring: the first call of a pair, with the stack that it was made from. */
struct lg_first_call {
  struct lg_pair pair;
  __u32 pid, tid; /* in the initial namespace */
  __u32 image;
  __s32 nr;
  __u64 args[6];
  struct lg_subject subject;
  __u32 frame_count, pad; /* frames that follow; the stack may be deeper */
  struct lg_sample_frame frame[LG_SAMPLE_FRAMES];
};

/* Memory of a process that a program in the kernel could not read: whoever reads it brings it back. */
struct lg_away {
  __u32 pid; /* in the initial namespace */
  __u32 size;
  __u64 address;
};
LG_ASSERT_SIZE(struct lg_away, 16);

#endif
