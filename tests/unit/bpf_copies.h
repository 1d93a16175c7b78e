// SPDX-License-Identifier: Apache-2.0
/* What the test of the copies and its programs in the kernel tell each other. */
#ifndef LIBGUARD_TESTS_BPF_COPIES_H
#define LIBGUARD_TESTS_BPF_COPIES_H

#include "bpf/abi.h"

#define LG_COPY_BATCH 1024

struct lg_copy_input {
  __u32 nr, self, family, right;
  __u64 args[6];
  struct lg_subject subject;
  __u8 known;
  __u8 pad[7];
};

struct lg_copy_output {
  struct lg_verdict verdict;
  __u16 right;
  __u8 needs_family, is_judged, needs_function;
  __u8 pad[3];
};

struct lg_copy_walk {
  __u64 thread;
  struct lg_stack stack;
};

#endif
