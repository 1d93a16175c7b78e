// SPDX-License-Identifier: Apache-2.0
/* Counting: (state, right) -> calls, and the first of each kind with its stack to the supervisor.
 *
 * Way:     stack -> *profile*; verdict -> *action*: deviations are counted the same way.
 * Thread:  the calling thread; counts are raised atomically.
 * Failure: a full map loses the count and says so; a full ring loses the sample of the stack only.
 */
#ifndef LIBGUARD_BPF_RECORD_H
#define LIBGUARD_BPF_RECORD_H

#include "bpf/lifecycle.h"

__u32 lg_last_state; /* written by the kernel */

/* All that take part in a call; the same rule as taking_part of core/recorder. */
static __always_inline void lg_taking_part(const struct lg_subject *subject, int dangerous, struct lg_set *all)
{
  int alone = lg_set_only_runtime(&subject->stack.active);

  *all = subject->stack.active;
  if (dangerous || alone) {
    lg_set_join(all, &subject->inherited);
    if (subject->handoff.noted)
      lg_set_join(all, &subject->handoff.active);
  }
  if (dangerous)
    lg_set_join(all, &subject->native);
}

/* Number of the state in s->state; 0: there is no room for it. */
static __always_inline __u32 lg_intern(struct lg_look *look)
{
  struct lg_scratch *s = look->s;
  __u32 *known = bpf_map_lookup_elem(&states, &s->state), number;

  if (known)
    return *known;
  number = __sync_fetch_and_add(&lg_last_state, 1) + 1;
  bpf_map_update_elem(&states, &s->state, &number, BPF_NOEXIST);
  known = bpf_map_lookup_elem(&states, &s->state); /* another processor may have been first */
  if (known)
    return *known;
  lg_count(look->counts, states_lost);
  return 0;
}

static __always_inline void lg_describe_state(struct lg_scratch *s, __u32 right)
{
  struct lg_subject *subject = &s->call.subject;
  __u8 group = lg_group_of(right);

  __builtin_memset(&s->state, 0, sizeof(s->state));
  lg_taking_part(subject, lg_is_dangerous(group), &s->state.libraries);
  s->state.image = s->call.image;
  s->state.direct_function = subject->stack.direct_function;
  s->state.caller_function = lg_needs_function(right, subject) ? subject->stack.caller_function : 0;
  s->state.caller = lg_caller_of(group, subject);
  s->state.direct = subject->stack.direct;
  s->state.phase = (__u16)subject->phase;
  s->state.flags = (__u16)(subject->stack.flags & (LG_STACK_PROGRAM | LG_STATE_PENDING));
  if (group == LG_GROUP_EXEC)
    s->state.flags |= (__u16)(subject->stack.flags & LG_STACK_STARTER);
}

/* Counts one call of the subject; the first of its kind is told with its stack. */
static __always_inline void lg_observe(struct lg_look *look, __u32 right, __u16 deviation)
{
  struct lg_scratch *s = look->s;
  struct lg_pair *pair = &s->call.pair;
  __u64 one = 1, *count;

  lg_describe_state(s, right);
  pair->state = lg_intern(look);
  pair->right = (__u16)right;
  pair->deviation = deviation;
  if (!pair->state)
    return;
  count = bpf_map_lookup_elem(&pairs, pair);
  if (!count) {
    if (bpf_map_update_elem(&pairs, pair, &one, BPF_NOEXIST) == 0) {
      s->call.frame_count = s->depth < LG_SAMPLE_FRAMES ? s->depth : LG_SAMPLE_FRAMES;
      if (bpf_ringbuf_output(&ring, &s->call, sizeof(s->call), 0))
        lg_count(look->counts, events_lost);
      return;
    }
    count = bpf_map_lookup_elem(&pairs, pair);
    if (!count) {
      lg_count(look->counts, pairs_lost);
      return;
    }
  }
  __sync_fetch_and_add(count, 1);
}

/* What was not seen of a subject that counts; not of one that is looked at again. Memory that is away would stay so if
 * only the kernel's programs read it: the supervisor brings it back.
 */
static __always_inline void lg_count_unseen(struct lg_kernel_counts *counted, const struct lg_scratch *s)
{
  __u32 flags = s->flags;

  counted->no_state += lg_flag(flags, LG_STACK_NO_STATE);
  counted->faults += lg_flag(flags, LG_STACK_FAULT);
  counted->truncated += lg_flag(flags, LG_STACK_TRUNCATED);
  counted->unknown_frames += lg_flag(flags, LG_STACK_UNKNOWN);
  if (s->missing.size && flags & (LG_STACK_FAULT | LG_STACK_UNKNOWN)) {
    struct lg_away away = {.pid = s->call.pid, .size = s->missing.size, .address = s->missing.address};

    bpf_ringbuf_output(&ring, &away, sizeof(away), 0);
  }
}

/* May the caller's innermost function make calls of the group of this right? */
static __always_inline __u8 lg_knows_function(__u32 right, const struct lg_subject *subject)
{
  const struct lg_stack *stack = &subject->stack;
  struct lg_function_cell cell = {
      .function = stack->flags & LG_STACK_PROGRAM ? LG_PROGRAM_FUNCTION : lg_cell_function(stack),
      .library = lg_cell_library(stack),
      .group = lg_group_of(right),
  };

  return cell.function && bpf_map_lookup_elem(&functions, &cell) != 0;
}

#endif
