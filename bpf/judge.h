// SPDX-License-Identifier: Apache-2.0
/* The judge: may this call pass, and if not, who are the culprits? Written once for the kernel and for C++.
 *
 * Way:     events -> stack -> *verdict*.
 * Thread:  pure functions; no helper, no map, no global.
 * Failure: what is unknown counts against the caller: it joins the stack as LG_UNKNOWN.
 */
#ifndef LIBGUARD_BPF_JUDGE_H
#define LIBGUARD_BPF_JUDGE_H

#include "bpf/classify.h"
#include "bpf/library_set.h"

/* Is anybody refused this right in this phase? If not, the call passes without a look at the stack. */
static inline int lg_is_judged(const struct lg_matrix *matrix, __u32 phase, __u32 right)
{
  right &= LG_MAX_RIGHTS - 1;
  return matrix->judged[phase == LG_INIT ? LG_INIT : LG_SERVING][right / 64] >> (right % 64) & 1;
}

/* Must the caller of lg_judge look up the function cell of the innermost frame? Only for @exec and @process, and
 * only where that frame is not the runtime's. A native program (LG_STACK_PROGRAM) has the cell "<program>".
 */
static inline int lg_needs_function(__u32 right, const struct lg_subject *subject)
{
  __u8 group = lg_group_of(right);

  return (group == LG_GROUP_EXEC || group == LG_GROUP_PROCESS) && subject->stack.direct != LG_RUNTIME;
}

/* A thread of native code that never had a thread state, and whose maker is known: nobody called through the
 * interpreter, so nobody is the caller; its maker and the owners of its code answer in the role stack.
 */
static inline int lg_is_native_thread(const struct lg_subject *subject)
{
  return (subject->stack.flags & LG_STACK_NO_STATE) && !lg_set_empty(&subject->inherited);
}

/* Does something on the stack count as unknown besides the libraries that the walk named? */
static inline int lg_has_unknown(const struct lg_subject *subject)
{
  if (subject->stack.flags & (LG_STACK_INCOMPLETE | LG_STACK_UNKNOWN))
    return 1;
  return (subject->stack.flags & LG_STACK_NO_STATE) && !lg_is_native_thread(subject);
}

/* Without branches: each one before the loops below would double what the verifier has to walk. */
static inline __u32 lg_is_zero(__u32 value) { return (__u32)(((__u64)value - 1) >> 63); }
static inline __u32 lg_flag(__u32 flags, __u32 flag) { return lg_is_zero(flags & flag) ^ 1; }
static inline __u32 lg_is_dangerous_bit(__u32 group) { return (__u32)(((__u64)LG_GROUP_NET_OUT - 1 - group) >> 63); }
static inline __u16 lg_select(__u32 condition, __u16 yes, __u16 no)
{
  __u32 mask = 0u - (condition & 1);

  return (__u16)((yes & mask) | (no & ~mask));
}

/* Was something without a frame of a library run for somebody? Either the innermost frame is runtime that vouches for
 * nothing, or a vouching function of the runtime was handed over itself: then no library stands inside the trampoline.
 */
static inline int lg_is_on_behalf(__u8 group, const struct lg_subject *subject)
{
  const struct lg_stack *stack = &subject->stack;
  __u32 vouches = lg_is_zero(stack->direct_vouching & lg_vouching_bit(group)) ^ 1;
  __u32 handed_over = (__u32)(subject->handoff.noted & 1) & lg_flag(stack->flags, LG_STACK_TRAMPOLINE);

  return (int)(lg_is_dangerous_bit(group) & lg_is_zero(stack->direct ^ LG_RUNTIME) &
               (lg_flag(stack->flags, LG_STACK_PROGRAM) ^ 1) & ((vouches ^ 1) | handed_over));
}

/* Does the runtime run by itself what somebody set going, as multiprocessing's fork server does? Its thread, or its
 * program, then goes on for the one who made it. Not below a trampoline: what runs there was given by anybody.
 */
static inline int lg_is_for_maker(__u8 group, const struct lg_subject *subject)
{
  const struct lg_stack *stack = &subject->stack;
  __u32 excluded = lg_flag(stack->flags, LG_STACK_TRAMPOLINE) | lg_flag(stack->flags, LG_STACK_PROGRAM) |
                   lg_is_zero(stack->depth_capped) | lg_is_zero(subject->maker);

  return (int)(lg_is_dangerous_bit(group) & lg_is_zero(stack->caller ^ LG_RUNTIME) & (excluded ^ 1));
}

/* Who is judged as caller. */
static inline __u16 lg_caller_of(__u8 group, const struct lg_subject *subject)
{
  __u16 submitter = lg_select(subject->handoff.noted & 1, subject->handoff.caller, LG_RUNTIME);
  __u16 own = lg_select(lg_is_for_maker(group, subject), subject->maker, subject->stack.caller);

  return lg_select(lg_is_on_behalf(group, subject), submitter, own);
}

/* Libraries 64 * i ... judged in the role stack. */
static inline __u64 lg_stack_word(__u8 group, const struct lg_subject *subject, int alone, __u32 i)
{
  __u64 word = subject->stack.active.word[i];

  if (i == 0 && lg_has_unknown(subject))
    word |= 1ull << LG_UNKNOWN;
  if (lg_is_dangerous(group)) {
    word |= subject->inherited.word[i] | subject->native.word[i];
    if (subject->handoff.noted && lg_is_on_behalf(group, subject))
      word |= subject->handoff.active.word[i];
  } else if (alone) {
    word |= subject->inherited.word[i];
    if (subject->handoff.noted)
      word |= subject->handoff.active.word[i];
    if (subject->stack.depth_capped == 0 && !(subject->stack.flags & LG_STACK_PROGRAM))
      word |= subject->native.word[i];
  }
  return i == 0 ? word & ~(1ull << LG_RUNTIME) : word;
}

/* Fills *verdict. The runtime is transparent in the roles stack and spawned; @object-theft is judged by the caller
 * alone. function_known: the answer of the function cell, read only where lg_needs_function says so.
 */
static inline void lg_judge(const struct lg_matrix *matrix, const struct lg_subject *subject, __u16 right,
                            __u8 function_known, struct lg_verdict *verdict)
{
  __u32 id = right & (LG_MAX_RIGHTS - 1);
  __u8 group = lg_group_of(id);
  const struct lg_set(*deny)[LG_MAX_RIGHTS] = matrix->deny[subject->phase == LG_INIT ? LG_INIT : LG_SERVING];
  int dangerous = lg_is_dangerous(group), always = id < LG_FIRST_SPLIT && lg_always_allowed(id);
  int alone = !lg_has_unknown(subject) && lg_set_only_runtime(&subject->stack.active);
  int stack_counts = !always && group != LG_GROUP_OBJECT_THEFT;
  __u64 culprits = 0;

  verdict->caller = lg_caller_of(group, subject);
  verdict->right = (__u16)id;
  verdict->pad = 0;
  for (__u32 i = 0; i < LG_SET_WORDS; i++) {
    __u64 spawners = i == 0 ? subject->spawners.word[i] & ~(1ull << LG_RUNTIME) : subject->spawners.word[i];
    __u64 stack = lg_stack_word(group, subject, alone, i) & deny[LG_ROLE_STACK][id].word[i];

    spawners &= deny[LG_ROLE_SPAWNED][id].word[i];
    verdict->stack_culprits.word[i] = stack_counts ? stack : 0;
    verdict->spawned_culprits.word[i] = stack_counts && dangerous ? spawners : 0;
    culprits |= verdict->stack_culprits.word[i] | verdict->spawned_culprits.word[i];
  }
  verdict->caller_is_culprit = dangerous && !always && !lg_is_native_thread(subject) &&
                               lg_set_has(&deny[LG_ROLE_CALLER][id], verdict->caller);
  verdict->function_is_culprit = lg_needs_function(id, subject) && !function_known;
  verdict->allowed = culprits == 0 && !verdict->caller_is_culprit && !verdict->function_is_culprit;
}

#endif
