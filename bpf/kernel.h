// SPDX-License-Identifier: Apache-2.0
/* What the supervisor and the programs in the kernel tell each other: the contents of the maps in bpf/maps.h.
 *
 * Way:     *events -> stack -> verdict*: under the bpf backend.
 * Thread:  each struct says who writes it; nobody else does.
 * Failure: sizes are asserted; counts of what was lost are in struct lg_kernel_counts.
 */
#ifndef LIBGUARD_BPF_KERNEL_H
#define LIBGUARD_BPF_KERNEL_H

#include "bpf/abi.h"
#include "bpf/told.h"
#include "bpf/walk_cpython.h"

#define LG_KERNEL_PROCESSES 131072
#define LG_KERNEL_IMAGES 8192
#define LG_KERNEL_HANDOFFS 4096
#define LG_KERNEL_REFUSALS 131072
#define LG_PERHAPS 65536 /* a power of two */
#define LG_KERNEL_STATES 16384
#define LG_KERNEL_PAIRS 65536
#define LG_KERNEL_FUNCTIONS 16384
#define LG_LIBRARY_NAME 240 /* longer ones are cut */
#define LG_KERNEL_RING (4u << 20)
#define LG_CODE_CACHE 256
#define LG_PROGRAM_FUNCTION 0xa791d699u /* FNV-1a of "<program>": the one cell of a native program */

/* Number of an exec in one guard; 0: our own child between filter and first exec. */
#define LG_IMAGE_DOOR 0u

enum lg_image_kind {
  LG_IMAGE_PENDING = 0, /* the supervisor has not looked at it yet */
  LG_IMAGE_NATIVE = 1,  /* one library: its executable's */
  LG_IMAGE_STARTUP = 2, /* a language runtime before its hello */
  LG_IMAGE_CPYTHON = 3, /* greeted */
  LG_IMAGE_PUSHES = 4,  /* greeted: it says itself in which library it is */
  LG_IMAGE_FED = 5,     /* greeted CPython whose probes push and pop */
};

/* One program, from exec to exec. Written by the supervisor. */
struct lg_image {
  __u32 kind; /* enum lg_image_kind */
  __u32 library; /* of the executable */
  __u64 area;  /* address of struct lg_area */
  __u64 table; /* address of its code table, or of its pushed states */
  __u64 nonce[2];
  __s64 slot_delta; /* see struct lg_hello */
  struct lg_python_program program;
  struct lg_python_offsets offsets;
  __u32 embeds; /* a program of its own that holds a runtime: where that has no frame, it is itself */
};
LG_ASSERT_SIZE(struct lg_image, 152);

/* One guarded process. Written by the kernel; the supervisor puts in the first one. */
#define LG_PROCESS_ADOPTED 1u /* its first thread existed before the guard */
#define LG_PROCESS_UNFED 2u   /* a push or pop was lost: its stacks are `unknown` until exec */
struct lg_kernel_process {
  __u32 image, parent_image;
  __u32 phase;
  __u32 flags; /* LG_PROCESS_* */
  struct lg_set spawners;
};
LG_ASSERT_SIZE(struct lg_kernel_process, 144);

/* Does a system call need a look? By number; written by the supervisor. */
#define LG_WANT_RIGHT 1u /* one of its rights is judged or counted */
#define LG_WANT_BIRTH 2u /* it makes a thread, a process or a program: its stack is noted */
#define LG_WANT_AGAIN 4u /* a hook that may wait refuses it: where memory was missing, it judges again */

struct lg_settings {
  __u8 want[512];                              /* by number */
  __u64 judged[LG_PHASES][LG_MAX_RIGHTS / 64]; /* rights that the kernel judges */
  __u64 refused[LG_MAX_RIGHTS / 64];           /* of these, refused by a hook in the kernel */
  __u64 killed[LG_MAX_RIGHTS / 64];            /* of the refused, the policy says kill */
  __u64 counted[LG_MAX_RIGHTS / 64];           /* rights that the kernel counts (recording) */
  __s32 error;                                 /* of what hooks refuse, above 0 */
  __u32 pad;
};

/* The verdict of a call that hooks refuse. Written and read by the kernel. */
struct lg_refusal {
  __u32 call;         /* 1 + its number */
  __s32 error;        /* below 0 */
  __u64 missing;      /* what could not be read, if the call is to be judged again */
  __u32 missing_size, right; /* a size of 0: refused for good */
};

/* Whom calls are made as, without the parts that one image or one right fixes. Written by the kernel, interned. */
#define LG_STATE_PENDING 0x8000u /* the image was not known yet: `libraries` lacks it */
struct lg_state {
  struct lg_set libraries; /* all that take part */
  __u32 image;
  __u32 direct_function;
  __u32 caller_function; /* where its cell is asked for */
  __u32 pad;
  __u16 caller, direct;
  __u16 phase, flags; /* LG_STACK_*, LG_STATE_PENDING */
};
LG_ASSERT_SIZE(struct lg_state, 152);

/* The purl of a library: for a supervisor that takes over. Written by the supervisor. */
struct lg_library_name {
  char text[LG_LIBRARY_NAME]; /* ends with a zero */
};

/* Argument of lg_set_phase: the phase of a process, only ever forward. */
struct lg_phase_request {
  __u32 pid, phase;
};

/* May make calls of a group. Written by the supervisor. */
struct lg_function_cell {
  __u32 function;
  __u16 library, group;
};
LG_ASSERT_SIZE(struct lg_function_cell, 8);

/* Counted per processor, by the kernel. Names for people: core/backend/bpf/counters. */
struct lg_kernel_counts {
  __u64 calls, judged, walks, frames, searches, search_faults;
  __u64 faults, table_faults, truncated, no_state, unknown_frames, unordered;
  __u64 states_lost, pairs_lost, events_lost, threads_lost, processes_lost, unknown_makers, no_hello;
  __u64 denied, hook_denied, pushes_lost, refusals_lost, fed, pushes, feeds_lost;
  __u64 second_looks; /* calls judged again, when what had been missing was in memory */
};

#endif
