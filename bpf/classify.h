// SPDX-License-Identifier: Apache-2.0
/* Which right a call needs: lg_classify, a pure function over the number and the argument registers.
 *
 * Way:     events -> stack -> *verdict*: turns a call into a right id.
 * Thread:  pure functions over constant tables.
 * Failure: none; what the table does not know is in @kernel.
 */
#ifndef LIBGUARD_BPF_CLASSIFY_H
#define LIBGUARD_BPF_CLASSIFY_H

#include "bpf/rights_table.h"

/* The compiler forgets what it knows of the value; the verifier needs the bound that stands next to the use. */
#define LG_OPAQUE(value) __asm__ volatile("" : "+r"(value))

/* Group of any right id; an id without a line is in @kernel. */
static inline __u8 lg_group_of(__u32 right)
{
  if (right < LG_NUMBERS)
    return lg_numbers[right].group;
  if (right >= LG_FIRST_SPLIT && right - LG_FIRST_SPLIT < LG_SPLITS)
    return lg_split_groups[right - LG_FIRST_SPLIT];
  if (right >= LG_FIRST_OPERATION && right - LG_FIRST_OPERATION < LG_OPERATIONS)
    return lg_operation_groups[right - LG_FIRST_OPERATION];
  return LG_GROUP_KERNEL;
}

/* Dangerous groups are the last ones. */
static inline int lg_is_dangerous(__u8 group)
{
  return group >= LG_GROUP_NET_OUT;
}

/* Vouching bit of a dangerous group, 0 of the others. */
static inline __u16 lg_vouching_bit(__u8 group)
{
  /* Without a branch: the other groups shift to bit 19 or above, which 16 bits do not keep. */
  return (__u16)(1u << ((group - LG_GROUP_NET_OUT) & 31));
}

/* Calls that end a thread or return from the kernel's own detours; refusing them breaks the process. */
static inline int lg_always_allowed(__u32 nr)
{
  return (nr == LG_NR_rt_sigreturn) | (nr == LG_NR_exit) | (nr == LG_NR_restart_syscall) | (nr == LG_NR_exit_group) |
         (nr == LG_NR_uretprobe) | (nr == LG_NR_uprobe);
}

/* Bit 0: is it zero? Without branches, and the compiler shall not make some: the verifier would follow each of them. */
static inline __u32 lg_no_bits(__u64 value)
{
  value |= 0 - value;
  LG_OPAQUE(value);
  return (__u32)(value >> 63) ^ 1;
}

/* Does the value pass the test? */
static inline __u32 lg_test_holds(const struct lg_test *test, __u64 value)
{
  __u32 equal = lg_no_bits((value & test->mask) ^ test->value), kind = test->kind;
  __u32 in = (__u32)(test->mask >> (value & 63)) & lg_no_bits((__u32)value >> 6);

  return (lg_no_bits(kind ^ LG_TEST_EQ) & equal) | (lg_no_bits(kind ^ LG_TEST_NE) & (equal ^ 1)) |
         (lg_no_bits(kind ^ LG_TEST_IN) & in) | lg_no_bits(kind ^ LG_TEST_ALWAYS);
}

/* First rule of a number, LG_NO_RULE if it has none. */
static inline __u32 lg_first_rule(__u32 nr)
{
  if (nr >= LG_NUMBERS)
    return LG_NO_RULE;
  LG_OPAQUE(nr);
  return lg_numbers[nr].first_rule;
}

/* The i-th rule of a number, null after the last one. */
static inline const struct lg_rule *lg_rule_of(__u32 nr, __u32 i)
{
  __u32 at = lg_first_rule(nr) + i;

  if (at >= LG_RULE_COUNT)
    return 0;
  LG_OPAQUE(at);
  at &= LG_RULE_SLOTS - 1;
  return lg_rules[at].nr == nr ? &lg_rules[at] : 0;
}

/* Do the tests of a rule hold that look at arguments? *family is set if the rule asks for the family as well. */
static inline __u32 lg_rule_holds(const struct lg_rule *rule, const __u64 *values, __u32 *family)
{
  __u32 holds = 1;

  for (__u32 i = 0; i < LG_RULE_TESTS; i++) {
    __u32 slot = rule->test[i].slot & 7;

    *family |= lg_no_bits(slot ^ LG_SLOT_FAMILY) & (lg_no_bits(rule->test[i].kind ^ LG_TEST_ALWAYS) ^ 1);
    holds &= lg_test_holds(&rule->test[i], values[slot]);
  }
  return holds;
}

/* The right that a system call needs.
 *
 * args: the six argument registers. self_tgid: the process of the caller as it sees itself in its pid namespace,
 * 0: not known. family: address family of the socket behind the first argument, 0: not looked up. What is not known
 * is never taken as harmless. *asks: 1 if the answer depends on the family.
 */
static inline __u16 lg_classify_asking(__u32 nr, const __u64 *args, __u32 self_tgid, __u32 family, __u32 *asks)
{
  __u64 values[8] = {args[0], args[1], args[2], args[3], args[4], args[5], 0, family};

  *asks = 0;
  if (nr >= LG_RIGHT_NO_CALL)
    return LG_RIGHT_NO_CALL;
  values[LG_SLOT_SELF] = self_tgid != 0 && (__u32)args[0] == self_tgid;
  for (__u32 i = 0; i < LG_RULES_PER_CALL; i++) {
    const struct lg_rule *rule = lg_rule_of(nr, i);

    if (!rule)
      break;
    if (lg_rule_holds(rule, values, asks))
      return rule->right;
  }
  return (__u16)nr;
}

static inline __u16 lg_classify(__u32 nr, const __u64 *args, __u32 self_tgid, __u32 family)
{
  __u32 asks;

  return lg_classify_asking(nr, args, self_tgid, family, &asks);
}

/* Does the right of this call depend on the family of the socket behind args[0]? Ask before looking it up. */
static inline int lg_needs_family(__u32 nr, const __u64 *args)
{
  __u32 asks;

  lg_classify_asking(nr, args, 0, 0, &asks);
  return asks != 0;
}

#endif
