// SPDX-License-Identifier: Apache-2.0
/* Enums and constant tables made of bpf/rights.def: groups, right ids, rules.
 *
 * Way:     events -> stack -> *verdict*: lg_classify and the seccomp filter generator walk these tables.
 * Thread:  constants.
 * Failure: a line of rights.def out of order does not compile.
 */
#ifndef LIBGUARD_BPF_RIGHTS_TABLE_H
#define LIBGUARD_BPF_RIGHTS_TABLE_H

#include "bpf/abi.h"

#define LG_FIRST_SPLIT 512
#define LG_FIRST_OPERATION 640
#define LG_RIGHT_NO_CALL 511 /* every number above the ids of system calls */
#define LG_NO_RULE 255
#define LG_RULE_TESTS 3
#define LG_RULE_SLOTS 64      /* length of the table of rules, a power of two */
#define LG_RULES_PER_CALL 32 /* at most; bounds the loop of lg_classify */

/* Where a test of a rule looks: 0..5 are the arguments. */
#define LG_SLOT_SELF 6   /* 1: the first argument is the own process */
#define LG_SLOT_FAMILY 7 /* address family behind the first argument, 0: not looked up */

enum lg_group {
#define LG_GROUP(id, name, what) LG_GROUP_##id,
#include "bpf/rights.def"
  LG_GROUPS
};

/* Numbers of system calls, splits and operations, each a right id. */
enum lg_right {
#define LG_SYSCALL(nr, name, group) LG_NR_##name = nr,
#define LG_SPLIT_CALL(nr, name, group) LG_NR_##name = nr,
#define LG_SPLIT(id, constant, name, group) LG_RIGHT_##constant = id,
#define LG_OPERATION(id, constant, name, group) LG_RIGHT_##constant = id,
#include "bpf/rights.def"
};

/* Number of lines of each kind, and the position of each call's first rule. */
enum lg_table_sizes {
#define LG_SYSCALL(nr, name, group) LG_LINE_##name,
#define LG_SPLIT_CALL(nr, name, group) LG_LINE_##name,
#define LG_UNUSED(nr) LG_LINE_##nr,
#include "bpf/rights.def"
  LG_NUMBERS
};
enum lg_split_lines {
#define LG_SPLIT(id, constant, name, group) LG_LINE_##constant,
#include "bpf/rights.def"
  LG_SPLITS
};
enum lg_operation_lines {
#define LG_OPERATION(id, constant, name, group) LG_LINE_##constant,
#include "bpf/rights.def"
  LG_OPERATIONS
};

#define LG_PASTE_(a, b) a##b
#define LG_PASTE(a, b) LG_PASTE_(a, b)
enum lg_rule_lines {
#define LG_RULES(call) LG_FIRST_RULE_##call, LG_BEFORE_RULE_##call = LG_FIRST_RULE_##call - 1,
#define LG_RULE(call, split, a, b, c) LG_PASTE(LG_LINE_RULE_, __LINE__),
#include "bpf/rights.def"
  LG_RULE_COUNT
};

enum lg_test_kind { LG_TEST_ALWAYS = 0, LG_TEST_EQ = 1, LG_TEST_NE = 2, LG_TEST_IN = 3 };

struct lg_test {
  __u8 slot;
  __u8 kind; /* enum lg_test_kind */
  __u8 pad[6];
  __u64 mask; /* LG_TEST_IN: the accepted numbers, bit by bit */
  __u64 value;
};

/* All tests hold -> the right. */
struct lg_rule {
  __u16 nr;
  __u16 right;
  __u32 pad;
  struct lg_test test[LG_RULE_TESTS];
};

#define LG_ALWAYS {0, LG_TEST_ALWAYS, {0}, 0, 0}
#define LG_EQ(slot, mask, value) {slot, LG_TEST_EQ, {0}, mask##ull, value##ull}
#define LG_NE(slot, mask, value) {slot, LG_TEST_NE, {0}, mask##ull, value##ull}
#define LG_IN(slot, bits) {slot, LG_TEST_IN, {0}, bits##ull, 0}

/* One section for all tables: clang would put those of 32 bytes into another, of which BTF cannot tell. */
#ifdef __bpf__
#define LG_TABLE __attribute__((section(".rodata")))
#else
#define LG_TABLE
#endif

/* The first LG_RULE_COUNT of them; the rest is there so that an index can be masked. */
static const struct lg_rule lg_rules[LG_RULE_SLOTS] LG_TABLE = {
#define LG_RULE(call, split, a, b, c) {LG_NR_##call, LG_RIGHT_##split, 0, {a, b, c}},
#include "bpf/rights.def"
};

/* A system call number: the group of the bare number and its first rule (LG_NO_RULE: none). */
struct lg_number {
  __u8 group;
  __u8 first_rule;
};

static const struct lg_number lg_numbers[LG_NUMBERS] LG_TABLE = {
#define LG_SYSCALL(nr, name, group) {LG_GROUP_##group, LG_NO_RULE},
#define LG_SPLIT_CALL(nr, name, group) {LG_GROUP_##group, LG_FIRST_RULE_##name},
#define LG_UNUSED(nr) {LG_GROUP_KERNEL, LG_NO_RULE},
#include "bpf/rights.def"
};

static const __u8 lg_split_groups[LG_SPLITS] LG_TABLE = {
#define LG_SPLIT(id, constant, name, group) LG_GROUP_##group,
#include "bpf/rights.def"
};

static const __u8 lg_operation_groups[LG_OPERATIONS] LG_TABLE = {
#define LG_OPERATION(id, constant, name, group) LG_GROUP_##group,
#include "bpf/rights.def"
};

/* Lines stand at their numbers. */
#ifdef __cplusplus
#define LG_ASSERT_LINE(line, at) static_assert((int)(line) == (at), #line " is out of order");
#else
#define LG_ASSERT_LINE(line, at) _Static_assert((int)(line) == (at), #line " is out of order");
#endif
#define LG_SYSCALL(nr, name, group) LG_ASSERT_LINE(LG_LINE_##name, nr)
#define LG_SPLIT_CALL(nr, name, group) LG_ASSERT_LINE(LG_LINE_##name, nr)
#define LG_UNUSED(nr) LG_ASSERT_LINE(LG_LINE_##nr, nr)
#define LG_SPLIT(id, constant, name, group) LG_ASSERT_LINE(LG_LINE_##constant, id - LG_FIRST_SPLIT)
#define LG_OPERATION(id, constant, name, group) LG_ASSERT_LINE(LG_LINE_##constant, id - LG_FIRST_OPERATION)
#include "bpf/rights.def"

#endif
