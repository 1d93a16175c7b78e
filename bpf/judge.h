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

/* Without branches: each one before the loops below would double what the verifier has to walk. */
static inline __u32 lg_is_zero(__u32 value)
{
  return (__u32)(((__u64)value - 1) >> 63);
}
static inline __u32 lg_flag(__u32 flags, __u32 flag)
{
  return lg_is_zero(flags & flag) ^ 1;
}
static inline __u32 lg_is_dangerous_bit(__u32 group)
{
  return (__u32)(((__u64)LG_GROUP_NET_OUT - 1 - group) >> 63);
}
static inline __u16 lg_select(__u32 condition, __u16 yes, __u16 no)
{
  __u32 mask = 0u - (condition & 1);

  return (__u16)((yes & mask) | (no & ~mask));
}

/* All bits or none. Neither compiler nor verifier shall see through it: they would follow both values to the end. */
static inline __u64 lg_mask(__u32 condition)
{
  __u64 mask = 0ull - (condition & 1);

  LG_OPAQUE(mask);
  return mask;
}

/* A thread of native code that never had a thread state, and whose maker is known: nobody called through the
 * interpreter, so nobody is the caller; its maker and the owners of its code answer in the role stack.
 */
static inline __u32 lg_is_native_thread(const struct lg_subject *subject)
{
  return lg_flag(subject->stack.flags, LG_STACK_NO_STATE) & ((__u32)lg_set_empty(&subject->inherited) ^ 1);
}

/* Does something on the stack count as unknown besides the libraries that the walk named? */
static inline __u32 lg_has_unknown(const struct lg_subject *subject)
{
  __u32 flags = subject->stack.flags;

  return lg_flag(flags, LG_STACK_INCOMPLETE | LG_STACK_UNKNOWN) |
         (lg_flag(flags, LG_STACK_NO_STATE) & (lg_is_native_thread(subject) ^ 1));
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

/* Does a vouching module start a program for a function that does not name anything that starts programs? Then it
 * may have been given the runtime's function by somebody who is not on the stack: a pickle, a sort key, a finalizer.
 */
static inline int lg_is_unnamed_start(__u8 group, const struct lg_subject *subject)
{
  const struct lg_stack *stack = &subject->stack;
  __u32 excluded = lg_flag(stack->flags, LG_STACK_STARTER) | lg_flag(stack->flags, LG_STACK_PROGRAM) |
                   lg_is_zero(stack->caller ^ LG_RUNTIME) | (__u32)lg_is_on_behalf(group, subject);

  return (int)(lg_is_zero(group ^ LG_GROUP_EXEC) & lg_is_zero(stack->direct ^ LG_RUNTIME) & (excluded ^ 1));
}

/* Must the caller of lg_judge look up the function cell of the caller's innermost frame? For @exec and @process where
 * that frame makes the call itself, and where the runtime starts a program for a function that names nothing of the
 * kind. A native program (LG_STACK_PROGRAM) has the cell "<program>".
 */
static inline int lg_needs_function(__u32 right, const struct lg_subject *subject)
{
  __u8 group = lg_group_of(right);
  __u32 starts = lg_is_zero(group ^ LG_GROUP_EXEC) | lg_is_zero(group ^ LG_GROUP_PROCESS);
  __u32 itself = lg_is_zero(subject->stack.direct ^ LG_RUNTIME) ^ 1;

  return (int)(starts & (itself | (__u32)lg_is_unnamed_start(group, subject)));
}

/* Whose cell that is: the innermost frame's, or where that is the runtime's, the caller's. */
static inline __u16 lg_cell_library(const struct lg_stack *stack)
{
  return stack->direct != LG_RUNTIME ? stack->direct : stack->caller;
}
static inline __u32 lg_cell_function(const struct lg_stack *stack)
{
  return stack->direct != LG_RUNTIME ? stack->direct_function : stack->caller_function;
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

/* What a verdict takes from the subject besides its sets: all bits or none of each set, and who is the caller. Made by
 * lg_prepare, read by lg_conclude: the kernel has the verifier check the two one by one.
 */
struct lg_parts {
  __u64 inherited, native, handoff, unknown; /* which sets count in the role stack */
  __u64 stack, spawned;                      /* do these roles count? */
  __u32 right, phase;
  __u16 caller;
  __u8 caller_counts;
  __u8 needs_function;
  __u32 pad;
};

static inline void lg_prepare(const struct lg_subject *subject, __u16 right, struct lg_parts *parts)
{
  const struct lg_stack *stack = &subject->stack;
  __u32 id = right & (LG_MAX_RIGHTS - 1);
  __u8 group = lg_group_of(id);
  __u32 unknown = lg_has_unknown(subject), dangerous = lg_is_dangerous_bit(group);
  __u32 alone = (unknown ^ 1) & (__u32)lg_set_only_runtime(&stack->active) & (dangerous ^ 1);
  __u32 no_frame = lg_is_zero(stack->depth_capped) & (lg_flag(stack->flags, LG_STACK_PROGRAM) ^ 1);
  __u32 judged = (__u32)lg_always_allowed(id) ^ 1;
  __u32 in_stack = judged & (lg_is_zero(group ^ LG_GROUP_OBJECT_THEFT) ^ 1);

  parts->inherited = lg_mask(dangerous | alone);
  parts->native = lg_mask(dangerous | (alone & no_frame));
  parts->handoff = lg_mask(subject->handoff.noted & ((dangerous & (__u32)lg_is_on_behalf(group, subject)) | alone));
  parts->unknown = lg_mask(unknown) & (1ull << LG_UNKNOWN);
  parts->stack = lg_mask(in_stack);
  parts->spawned = lg_mask(in_stack & dangerous);
  parts->right = id;
  parts->phase = subject->phase == LG_INIT ? LG_INIT : LG_SERVING;
  parts->caller = lg_caller_of(group, subject);
  parts->caller_counts = (__u8)(dangerous & judged & (lg_is_native_thread(subject) ^ 1));
  parts->needs_function = (__u8)(lg_needs_function(id, subject) != 0);
  parts->pad = 0;
}

/* One word of all who stand on the stack or count like it, without the runtime. */
static inline __u64 lg_stack_word(const struct lg_parts *parts, const struct lg_subject *subject, __u32 i)
{
  __u64 word = subject->stack.active.word[i] | (subject->inherited.word[i] & parts->inherited) |
               (subject->native.word[i] & parts->native) | (subject->handoff.active.word[i] & parts->handoff);
  __u64 first = lg_mask(lg_is_zero(i));

  return (word | (parts->unknown & first)) & ~(first & (1ull << LG_RUNTIME));
}

static inline void lg_conclude(const struct lg_matrix *matrix, const struct lg_subject *subject,
                               const struct lg_parts *parts, __u8 function_known, struct lg_verdict *verdict)
{
  __u32 id = parts->right & (LG_MAX_RIGHTS - 1);
  const struct lg_set(*deny)[LG_MAX_RIGHTS] = matrix->deny[parts->phase & 1];
  __u64 culprits = 0;

  /* The verifier of Linux 6.1 follows pointer plus offset, not what the compiler makes of both offsets together. */
  LG_OPAQUE(deny);
  verdict->caller = parts->caller;
  verdict->right = (__u16)id;
  verdict->pad = 0;
  for (__u32 i = 0; i < LG_SET_WORDS; i++) {
    __u64 spawners = subject->spawners.word[i] & ~(lg_mask(lg_is_zero(i)) & (1ull << LG_RUNTIME));

    verdict->stack_culprits.word[i] = lg_stack_word(parts, subject, i) & deny[LG_ROLE_STACK][id].word[i] & parts->stack;
    verdict->spawned_culprits.word[i] = spawners & deny[LG_ROLE_SPAWNED][id].word[i] & parts->spawned;
    culprits |= verdict->stack_culprits.word[i] | verdict->spawned_culprits.word[i];
  }
  verdict->caller_is_culprit =
      (__u8)(parts->caller_counts & (__u32)lg_set_has(&deny[LG_ROLE_CALLER][id], parts->caller));
  verdict->function_is_culprit = parts->needs_function & (function_known ? 0 : 1);
  verdict->allowed = culprits == 0 && !verdict->caller_is_culprit && !verdict->function_is_culprit;
}

/* Fills *verdict. The runtime is transparent in the roles stack and spawned; @object-theft is judged by the caller
 * alone. function_known: the answer of the function cell, read only where lg_needs_function says so.
 */
static inline void lg_judge(const struct lg_matrix *matrix, const struct lg_subject *subject, __u16 right,
                            __u8 function_known, struct lg_verdict *verdict)
{
  struct lg_parts parts;

  lg_prepare(subject, right, &parts);
  lg_conclude(matrix, subject, &parts, function_known, verdict);
}

#endif
