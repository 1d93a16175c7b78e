// SPDX-License-Identifier: Apache-2.0
// Filter: first the fixed answers, then the hot calls, then a binary tree over the numbers, then the rules of each
// call.
//
// Way:     *events* -> stack -> verdict -> *action*.
// Thread:  pure function.
// Failure: see bpf_program.h; the program is compared with lg_classify in tests/unit/rights_filter_test.cc.
#include "core/rights/seccomp_filter.h"

#include <linux/audit.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>

#include "core/rights/bpf_program.h"

namespace libguard {
namespace {

constexpr uint32_t kNoEntry = 2 * kX32Bit;           // no number of any entry; -1 is what debuggers skip a call with
constexpr uint32_t kExit32 = 1, kExitGroup32 = 252;  // of the 32-bit table

// Calls whose registers decide and that programs make often: found before the tree.
constexpr uint32_t kHotCalls[] = {LG_NR_mmap, LG_NR_mprotect, LG_NR_openat, LG_NR_fcntl, LG_NR_ioctl, LG_NR_sendto};

// Two possible answers: only the supervisor can tell which.
Outcome join(std::optional<Outcome> so_far, Outcome more) {
  return !so_far || *so_far == more ? more : Outcome::kNotify;
}

class FilterMaker {
 public:
  explicit FilterMaker(const FilterOptions& options) : options_(options) {}

  Result<std::vector<sock_filter>> make();

 private:
  using Label = BpfProgram::Label;
  struct Leaf {
    uint32_t first;                  // numbers from here to the next leaf
    std::optional<Outcome> outcome;  // none: decided by rules
  };

  Outcome outcome_of(uint32_t right) const {
    return right < options_.outcomes.size() ? options_.outcomes[right] : Outcome::kNotify;
  }
  uint32_t action_of(Outcome outcome) const;
  std::optional<Outcome> constant_outcome(uint32_t nr) const;
  bool is_hot(uint32_t nr) const;
  std::vector<Leaf> leaves() const;
  void entry_32();
  void prologue();
  void tree(const std::vector<Leaf>& leaves, size_t low, size_t high);
  void call(uint32_t nr);
  void rules(uint32_t nr, uint32_t at, std::optional<Outcome> so_far);
  void tests(const lg_rule& rule, Label otherwise);
  void test(const lg_test& test, Label otherwise);

  const FilterOptions& options_;
  BpfProgram program_;
};

uint32_t FilterMaker::action_of(Outcome outcome) const {
  switch (outcome) {
    case Outcome::kAllow:
      return SECCOMP_RET_ALLOW;
    case Outcome::kErrno:
      return SECCOMP_RET_ERRNO | (static_cast<uint32_t>(options_.error) & SECCOMP_RET_DATA);
    case Outcome::kNotify:
      break;
  }
  return SECCOMP_RET_USER_NOTIF;
}

// The answer to a number whose every right has the same one. prctl is never constant: it carries the marker calls.
std::optional<Outcome> FilterMaker::constant_outcome(uint32_t nr) const {
  if (nr == LG_NR_set_robust_list || (nr == LG_NR_exit_group && options_.ends)) return Outcome::kNotify;
  if (nr == LG_NR_prctl || nr == LG_NR_clone3) return std::nullopt;
  std::optional<Outcome> all;
  for (const Right right : rights_of_call(static_cast<int>(nr))) {
    const Outcome outcome = outcome_of(number(right));
    if (all && *all != outcome) return std::nullopt;
    all = outcome;
  }
  return all;
}

// Answered before the tree, which therefore never sees it.
bool FilterMaker::is_hot(uint32_t nr) const {
  return std::find(std::begin(kHotCalls), std::end(kHotCalls), nr) != std::end(kHotCalls) && !constant_outcome(nr);
}

std::vector<FilterMaker::Leaf> FilterMaker::leaves() const {
  std::vector<Leaf> leaves;
  for (uint32_t nr = 0; nr <= LG_RIGHT_NO_CALL; nr++) {
    const std::optional<Outcome> outcome = is_hot(nr) ? Outcome::kNotify : constant_outcome(nr);
    if (leaves.empty() || !outcome || leaves.back().outcome != outcome) leaves.push_back({nr, outcome});
  }
  return leaves;
}

// The supervisor refuses what is notified here; without one the kernel does (ENOSYS). What asks for its end gets it.
void FilterMaker::entry_32() {
  const Label intel = program_.new_label(), ends = program_.new_label();
  program_.jump_if_equal(AUDIT_ARCH_I386, intel);
  program_.answer(SECCOMP_RET_KILL_PROCESS);
  program_.place(intel);
  program_.load(offsetof(seccomp_data, nr));
  program_.jump_if_equal(kExit32, ends);
  program_.jump_if_equal(kExitGroup32, ends);
  program_.answer(SECCOMP_RET_USER_NOTIF);
  program_.place(ends);
  program_.answer(SECCOMP_RET_KILL_PROCESS);
}

void FilterMaker::prologue() {
  const Label native = program_.new_label(), x32 = program_.new_label(), known = program_.new_label();
  const Label allowed = program_.new_label(), judged = program_.new_label(), no_entry = program_.new_label();
  program_.load(offsetof(seccomp_data, arch));
  program_.jump_if_equal(AUDIT_ARCH_X86_64, native);
  entry_32();
  program_.place(native);
  program_.load(offsetof(seccomp_data, nr));
  program_.jump_if_at_least(kX32Bit, x32);
  program_.jump(known);
  program_.place(x32);
  program_.jump_if_at_least(kNoEntry, no_entry);
  program_.answer(SECCOMP_RET_USER_NOTIF);
  program_.place(no_entry);
  program_.answer(SECCOMP_RET_ERRNO | ENOSYS);
  program_.place(known);
  for (uint32_t nr = 0; nr < LG_NUMBERS; nr++)
    if (lg_always_allowed(nr) && !(nr == LG_NR_exit_group && options_.ends)) program_.jump_if_equal(nr, allowed);
  program_.jump(judged);
  program_.place(allowed);
  program_.answer(SECCOMP_RET_ALLOW);
  program_.place(judged);
}

void FilterMaker::tree(const std::vector<Leaf>& leaves, size_t low, size_t high) {
  if (high - low == 1) {
    if (const auto outcome = leaves[low].outcome)
      program_.answer(action_of(*outcome));
    else
      call(leaves[low].first);
    return;
  }
  const size_t middle = low + (high - low) / 2;
  const Label upper = program_.new_label();
  program_.jump_if_at_least(leaves[middle].first, upper);
  tree(leaves, low, middle);
  program_.place(upper);
  tree(leaves, middle, high);
}

void FilterMaker::call(uint32_t nr) {
  if (nr == LG_NR_clone3) return program_.answer(SECCOMP_RET_ERRNO | ENOSYS);
  if (nr == LG_NR_prctl) {
    const Label ordinary = program_.new_label();
    test(lg_test{0, LG_TEST_EQ, {0}, 0xffffffff, LG_PRCTL}, ordinary);
    program_.answer(SECCOMP_RET_USER_NOTIF);
    program_.place(ordinary);
  }
  rules(nr, lg_first_rule(nr), std::nullopt);
}

// Answers the call from rule `at` on, where `so_far` joins the answers of earlier rules that may have matched.
void FilterMaker::rules(uint32_t nr, uint32_t at, std::optional<Outcome> so_far) {
  if (so_far == Outcome::kNotify) return program_.answer(action_of(Outcome::kNotify));
  if (at >= LG_RULE_COUNT || lg_rules[at].nr != nr) return program_.answer(action_of(join(so_far, outcome_of(nr))));
  const lg_rule& rule = lg_rules[at];
  const Outcome matched = join(so_far, outcome_of(rule.right));
  const auto looks_at = [&rule](bool beyond_registers) {
    return std::any_of(std::begin(rule.test), std::end(rule.test), [&](const lg_test& test) {
      return test.kind != LG_TEST_ALWAYS && (test.slot >= LG_SLOT_SELF) == beyond_registers;
    });
  };
  const bool may_match = looks_at(true), filterable = looks_at(false);
  const Label otherwise = program_.new_label();
  if (filterable) tests(rule, otherwise);
  if (may_match)
    rules(nr, at + 1, matched);
  else
    program_.answer(action_of(matched));
  if (!filterable) return;
  program_.place(otherwise);
  rules(nr, at + 1, so_far);
}

// Falls through if every register test of the rule holds.
void FilterMaker::tests(const lg_rule& rule, Label otherwise) {
  for (const lg_test& each : rule.test)
    if (each.slot < LG_SLOT_SELF) test(each, otherwise);
}

// The kernel compares 32 bits at a time; registers are little-endian.
void FilterMaker::test(const lg_test& test, Label otherwise) {
  const auto offset = static_cast<uint32_t>(offsetof(seccomp_data, args) + sizeof(uint64_t) * test.slot);
  const Label holds = program_.new_label();
  if (test.kind == LG_TEST_IN) {
    program_.load(offset);
    for (uint32_t bit = 0; bit < 64; bit++)
      if (test.mask >> bit & 1) program_.jump_if_equal(bit, holds);
    program_.jump(otherwise);
  } else if (test.kind != LG_TEST_ALWAYS) {
    for (uint32_t half = 0; half < 2; half++) {
      const auto mask = static_cast<uint32_t>(test.mask >> (32 * half));
      const auto value = static_cast<uint32_t>(test.value >> (32 * half));
      if (mask == 0 && value == 0) continue;
      const Label equal = program_.new_label();
      program_.load(offset + 4 * half);
      program_.mask(mask);
      program_.jump_if_equal(value, equal);
      program_.jump(test.kind == LG_TEST_EQ ? otherwise : holds);
      program_.place(equal);
    }
    if (test.kind == LG_TEST_NE) program_.jump(otherwise);
  }
  program_.place(holds);
}

Result<std::vector<sock_filter>> FilterMaker::make() {
  prologue();
  for (const uint32_t nr : kHotCalls) {
    if (!is_hot(nr)) continue;
    const Label hot = program_.new_label(), next = program_.new_label();
    program_.jump_if_equal(nr, hot);
    program_.jump(next);
    program_.place(hot);
    call(nr);
    program_.place(next);
  }
  const std::vector<Leaf> all = leaves();
  tree(all, 0, all.size());
  return program_.link();
}

}  // namespace

Result<std::vector<sock_filter>> make_filter(const FilterOptions& options) { return FilterMaker(options).make(); }

bool is_native_entry(const seccomp_data& call) {
  return call.arch == AUDIT_ARCH_X86_64 && static_cast<uint32_t>(call.nr) < kX32Bit;
}

}  // namespace libguard
