// SPDX-License-Identifier: Apache-2.0
/* The frames of one thread state: read page by page, named by the code table, reduced innermost first.
 *
 * Way:     events -> *stack*.
 * Thread:  the walked thread itself.
 * Failure: LG_STACK_FAULT where a frame is not in memory; a code without an entry is `unknown`.
 */
#ifndef LIBGUARD_BPF_FRAMES_H
#define LIBGUARD_BPF_FRAMES_H

#include "bpf/scratch.h"

/* Is the program area still there, and in which epoch? Once per walk, before any address of the hello is used. */
static __always_inline int lg_open_area(struct lg_look *look, __u32 image_number)
{
  struct lg_scratch *s = look->s;

  if (LG_READ(&s->missing, s->area, sizeof(s->area), look->image->area) || s->area[0] != look->image->nonce[0] ||
      s->area[1] != look->image->nonce[1])
    return 0;
  s->epoch = s->area[2] + ((__u64)image_number << 40) + look->thread->salt;
  return 1;
}

/* Whose entry is this code's? Read from the program area, remembered while the epoch stands. A page of the table that
 * is not in memory holds no entry, as a rule because nothing was ever written there: the code is untold.
 */
static __always_inline void lg_name_code(struct lg_look *look, __u64 code, struct lg_code_entry *entry)
{
  struct lg_scratch *s = look->s;
  struct lg_code_memory *memory = &look->thread->cache[(code * 0x9E3779B97F4A7C15ull >> 48) & (LG_CODE_CACHE - 1)];
  __u32 at = lg_code_bucket_of(code);

  if (memory->entry.code == code && memory->epoch == s->epoch) {
    *entry = memory->entry;
    return;
  }
  *entry = lg_code_untold(&look->image->program, code);
  for (__u32 probe = 0; probe < LG_TABLE_PROBES; probe++) {
    __u32 bucket = (at + probe) & (LG_TABLE_BUCKETS - 1);
    int found;

    if (LG_READ(&s->missing, &s->bucket, sizeof(s->bucket), look->image->table + sizeof(s->bucket) * (__u64)bucket)) {
      lg_count(look->counts, table_faults);
      return;
    }
    found = lg_bucket_find(&s->bucket, code, entry);
    if (found == LG_FOUND) {
      if (entry->library >= LG_MAX_LIBRARIES)
        entry->library = LG_UNKNOWN;
      memory->entry = *entry;
      memory->epoch = s->epoch;
    }
    if (found != LG_ELSEWHERE)
      return;
  }
}

/* The inner one of two places on the C stack, if there is something at the first. */
static __always_inline __u64 lg_inner_place(__u32 there, __u64 place, __u64 other)
{
  return there && place < other ? place : other;
}

/* Adds one named frame to the reduced stack; innermost first. */
static __always_inline void lg_take_entry(struct lg_scratch *s, const struct lg_code_entry *entry)
{
  struct lg_stack *stack = &s->call.subject.stack;
  __u32 depth = s->depth++;

  lg_set_add(&stack->active, entry->library);
  if (entry->library == LG_UNKNOWN)
    s->flags |= LG_STACK_UNKNOWN;
  if (depth < LG_SAMPLE_FRAMES) {
    s->call.frame[depth & (LG_SAMPLE_FRAMES - 1)].library = entry->library;
    s->call.frame[depth & (LG_SAMPLE_FRAMES - 1)].function = entry->function;
  }
  if (s->stack_depth++ == 0) {
    s->direct.library = entry->library;
    s->direct.vouching = entry->vouching;
    s->direct.function = entry->function;
  }
  if (s->caller_seen)
    return;
  if (entry->vouching & LG_VOUCH_TRAMPOLINE)
    s->trampoline = LG_STACK_TRAMPOLINE;
  if (entry->vouching & LG_NAMES_STARTER)
    s->starter = LG_STACK_STARTER;
  if (entry->library == LG_RUNTIME)
    return;
  s->caller = *entry;
  s->caller_seen = 1;
}

/* Bytes of the frame at s->cursor.frame, in the copy of its page. From 3.11 on callers' frames lie just below. */
static __always_inline const __u8 *lg_frame_bytes(struct lg_look *look)
{
  struct lg_scratch *s = look->s;
  __u64 frame = s->cursor.frame, low = s->page_low;
  __u32 size = look->image->offsets.frame_size;

  if (frame < low || frame + LG_FRAME_BYTES > s->page_high) {
    __u32 length;

    low = look->image->offsets.frame_owner == LG_NO_OFFSET ? frame : frame & ~4095ull;
    length = (__u32)(frame - low) + (size < LG_FRAME_BYTES ? size : LG_FRAME_BYTES);
    LG_OPAQUE(length);
    length &= 8191;
    if (length > LG_PAGE_BYTES)
      return 0;
    s->page_low = s->page_high = 0;
    if (LG_READ(&s->missing, s->page, length, low))
      return 0;
    s->page_low = low;
    s->page_high = frame + LG_FRAME_BYTES;
  }
  return s->page + lg_bounded((__u32)(frame - low), 4095);
}

static long lg_walk_step(__u64 index, struct lg_look *look)
{
  struct lg_scratch *s = look->s;
  struct lg_code_entry entry;
  const __u8 *bytes;

  if (!s->cursor.frame)
    return 1;
  bytes = lg_frame_bytes(look);
  if (!bytes) {
    s->flags |= LG_STACK_FAULT;
    return 1;
  }
  if (lg_python_take_frame(&look->image->offsets, &look->image->program, bytes, &s->cursor) != LG_STEP_FRAME)
    return 0;
  lg_name_code(look, s->cursor.code, &entry);
  lg_take_entry(s, &entry);
  return 0;
}

#endif
