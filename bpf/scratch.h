// SPDX-License-Identifier: Apache-2.0
/* Room for one call while it is looked at: too large for the stack of a program in the kernel.
 *
 * Way:     *events -> stack -> verdict*.
 * Thread:  per processor; programs on system calls run with preemption off, and not inside each other. Those that may
 *          wait can be put aside: they have room of their own, which one of them takes at a time.
 * Failure: none.
 */
#ifndef LIBGUARD_BPF_SCRATCH_H
#define LIBGUARD_BPF_SCRATCH_H

#include "bpf/maps.h"

#define LG_PAGE_BYTES (4096 + LG_FRAME_BYTES)
#define LG_ROOM_FIRST 0u  /* of programs on system calls */
#define LG_ROOM_SECOND 1u /* of second looks */
#define LG_ROOMS 2

struct lg_scratch {
  struct lg_first_call call; /* the subject is made in place, for the ring */
  struct lg_python_search search;
  __u8 search_room[LG_OFFSET_LIMIT]; /* an offset into a state is bounded by this much */
  struct lg_python_cursor cursor;
  struct lg_code_bucket bucket;
  struct lg_verdict verdict;
  struct lg_parts parts;
  struct lg_slot slot;
  struct lg_pushed pushed;
  struct lg_state state;
  struct lg_handoff no_handoff;
  __u64 area[4]; /* nonce, epoch, names_used */
  __u64 epoch, thread_pointer, link;
  __u64 page_low, page_high;
  __u32 depth; /* frames of all stacks */
  __u32 flags; /* LG_STACK_* */
  __u32 cached;
  int step;
  /* Of the stack being walked. */
  struct lg_code_entry direct, caller;
  __u32 stack_depth, trampoline, caller_seen, starter;
  /* Of all stacks of the thread so far, each with its place on the C stack. */
  struct lg_code_entry best_direct, best_caller;
  __u64 direct_place, caller_place, trampoline_place, starter_place;
  __u32 stacks, unplaced;
  struct lg_missing missing;    /* what could not be read last */
  __u64 taken;                  /* the room of second looks: by one of them */
  struct lg_kernel_thread lost; /* stands for a thread that could not be remembered */
  __u8 page[LG_PAGE_BYTES + LG_OFFSET_LIMIT];
};

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, LG_ROOMS);
  __type(key, __u32);
  __type(value, struct lg_scratch);
} scratches SEC(".maps");

/* room: LG_ROOM_* */
static __always_inline struct lg_scratch *lg_scratch_here(__u32 room)
{
  return bpf_map_lookup_elem(&scratches, &room);
}

static __always_inline struct lg_kernel_counts *lg_counts_here(void)
{
  __u32 zero = 0;

  return bpf_map_lookup_elem(&counts, &zero);
}

/* What one look is about. */
struct lg_look {
  struct lg_scratch *s;
  struct lg_image *image;
  struct lg_kernel_thread *thread;
  struct lg_kernel_counts *counts;
  struct lg_feed *feed; /* of the thread, if it is fed */
};

/* Stands for a thread that could not be remembered: `unknown`, and nothing cached beyond this call. */
static __always_inline struct lg_kernel_thread *lg_lost_thread(struct lg_scratch *s)
{
  struct lg_kernel_thread *lost = &s->lost;

  lg_set_add(&lost->inherited, LG_UNKNOWN);
  lost->had_state = lost->refused = 1;
  lost->state = 0;
  lost->salt = bpf_ktime_get_ns() | 1ull << 63;
  return lost;
}

#endif
