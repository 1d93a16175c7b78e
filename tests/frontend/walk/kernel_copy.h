// SPDX-License-Identifier: Apache-2.0
/* What walk_probe and its program in the kernel tell each other: the walk of the thread that asks, frame by frame. */
#ifndef LIBGUARD_TESTS_KERNEL_COPY_H
#define LIBGUARD_TESTS_KERNEL_COPY_H

#include "bpf/abi.h"

#define LG_COPY_PRCTL 0x4C47574Bul /* the same number as in harness.py; the second argument is lg_asked_by */
#define LG_COPY_THREADS 256u       /* that asked and were not compared yet */
#define LG_COPY_IMAGE 1u

struct lg_kernel_copy {
  struct lg_stack stack;
  __u32 interpreters;         /* that the search saw */
  __u32 count;                /* of frames, may exceed the array */
  __u64 codes[LG_MAX_FRAMES]; /* innermost first */
};

#endif
