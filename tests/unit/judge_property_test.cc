// SPDX-License-Identifier: Apache-2.0
// Properties of the judge over random matrices and subjects, against a second, plain statement of the rules.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/unit/judge_world.h"

namespace libguard {
namespace {

using Libraries = std::set<uint16_t>;
constexpr int kRounds = 20000;

// Few libraries, at the borders of words, so that random sets meet.
constexpr uint16_t kPool[] = {LG_UNKNOWN, LG_APPLICATION, LG_RUNTIME, LG_STARTUP, 4, 63, 64, 127, 512, 1023};
// Rights of each kind: harmless, exec, process, network, object theft, exact groups, operations, unknown numbers.
constexpr uint16_t kRights[] = {0,   LG_RIGHT_OPENAT_WRITE, 59,  57, LG_RIGHT_SOCKET_INET,   LG_RIGHT_PY_GC_GET_OBJECTS,
                                101, LG_RIGHT_PY_OS_PUTENV, 400, 41, LG_RIGHT_MMAP_EXEC_ANON};

class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
  bool coin(uint32_t of = 2) { return below(of) == 0; }
  uint16_t library() { return kPool[below(std::size(kPool))]; }
  lg_set set(uint32_t rarity) {
    lg_set set{};
    for (const uint16_t library : kPool)
      if (coin(rarity)) lg_set_add(&set, library);
    return set;
  }
  lg_subject subject() {
    lg_subject subject{};
    subject.stack.active = set(4);
    subject.stack.caller = coin(4) ? static_cast<uint16_t>(LG_RUNTIME) : library();
    subject.stack.direct = coin() ? static_cast<uint16_t>(LG_RUNTIME) : subject.stack.caller;
    subject.stack.direct_vouching = coin() ? static_cast<uint16_t>(random_()) : 0;
    subject.stack.depth_capped = coin(3) ? 0 : 5;
    const uint32_t flags[] = {
        0, 0, 0, LG_STACK_PROGRAM, LG_STACK_UNKNOWN, LG_STACK_FAULT, LG_STACK_NO_STATE, LG_STACK_TRAMPOLINE};
    subject.stack.flags = flags[below(std::size(flags))] | (coin() ? LG_STACK_STARTER : 0);
    subject.inherited = set(5);
    subject.native = set(7);
    subject.spawners = set(7);
    subject.handoff.noted = coin(3);
    subject.handoff.active = set(6);
    subject.handoff.caller = library();
    subject.maker = coin() ? library() : uint16_t{0};
    subject.phase = below(LG_PHASES);
    return subject;
  }

 private:
  std::mt19937_64 random_;
};

Libraries members(const lg_set& set) {
  Libraries all;
  for (uint16_t library = 0; library < LG_MAX_LIBRARIES; library++)
    if (lg_set_has(&set, library)) all.insert(library);
  return all;
}

Libraries both(const Libraries& a, const Libraries& b) {
  Libraries all;
  for (const uint16_t library : a)
    if (b.count(library)) all.insert(library);
  return all;
}

struct Plain {
  Libraries stack, spawned;
  uint16_t caller;
  bool caller_guilty, function_guilty;
};

// The rules once more, as the design writes them, with sets of numbers.
Plain plainly(const lg_matrix& matrix, const lg_subject& subject, uint16_t right, bool known) {
  const auto& deny = matrix.deny[subject.phase];
  const uint8_t group = lg_group_of(right);
  const bool native_thread = (subject.stack.flags & LG_STACK_NO_STATE) && !members(subject.inherited).empty();
  Libraries judged = members(subject.stack.active);
  if (subject.stack.flags & (LG_STACK_UNKNOWN | LG_STACK_FAULT)) judged.insert(LG_UNKNOWN);
  if ((subject.stack.flags & LG_STACK_NO_STATE) && !native_thread) judged.insert(LG_UNKNOWN);
  Plain plain{{}, {}, subject.stack.caller, false, false};
  const bool noted = subject.handoff.noted;
  const auto add = [&](const lg_set& more) { judged.merge(members(more)); };
  if (!lg_is_dangerous(group)) {
    Libraries others = judged;
    others.erase(LG_RUNTIME);
    if (others.empty()) {
      add(subject.inherited);
      if (noted) add(subject.handoff.active);
      if (subject.stack.depth_capped == 0 && !(subject.stack.flags & LG_STACK_PROGRAM)) add(subject.native);
    }
  } else {
    const bool handed_over = noted && (subject.stack.flags & LG_STACK_TRAMPOLINE);
    const bool vouches = (subject.stack.direct_vouching >> (group - LG_GROUP_NET_OUT) & 1) && !handed_over;
    if (subject.stack.direct == LG_RUNTIME && !vouches && !(subject.stack.flags & LG_STACK_PROGRAM)) {
      plain.caller = noted ? subject.handoff.caller : static_cast<uint16_t>(LG_RUNTIME);
      if (noted) add(subject.handoff.active);
    } else if (plain.caller == LG_RUNTIME && subject.maker != 0 && subject.stack.depth_capped != 0 &&
               !(subject.stack.flags & (LG_STACK_TRAMPOLINE | LG_STACK_PROGRAM))) {
      plain.caller = subject.maker;
    }
    add(subject.inherited);
    add(subject.native);
    plain.spawned = both(members(subject.spawners), members(deny[LG_ROLE_SPAWNED][right]));
    plain.caller_guilty = !native_thread && members(deny[LG_ROLE_CALLER][right]).count(plain.caller);
  }
  plain.stack = both(judged, members(deny[LG_ROLE_STACK][right]));
  plain.stack.erase(LG_RUNTIME);
  plain.spawned.erase(LG_RUNTIME);
  if (group == LG_GROUP_OBJECT_THEFT) plain.stack = plain.spawned = {};
  const bool itself = subject.stack.direct != LG_RUNTIME;
  const bool on_behalf = !(subject.stack.direct_vouching >> (LG_GROUP_EXEC - LG_GROUP_NET_OUT) & 1) ||
                         (noted && (subject.stack.flags & LG_STACK_TRAMPOLINE));
  const bool unnamed = subject.stack.caller != LG_RUNTIME && !on_behalf &&
                       !(subject.stack.flags & (LG_STACK_STARTER | LG_STACK_PROGRAM));
  if (group == LG_GROUP_EXEC) plain.function_guilty = (itself || unnamed) && !known;
  if (group == LG_GROUP_PROCESS) plain.function_guilty = itself && !known;
  return plain;
}

class JudgeProperty : public ::testing::Test {
 protected:
  void shuffle_matrix() {
    for (auto& phase : matrix_->deny)
      for (auto& role : phase)
        for (const uint16_t right : kRights) role[right] = dice_.set(3);
  }
  lg_verdict judge(const lg_subject& subject, uint16_t right, bool known) {
    lg_verdict verdict;
    lg_judge(matrix_.get(), &subject, right, known, &verdict);
    return verdict;
  }
  uint16_t right() { return kRights[dice_.below(std::size(kRights))]; }

  Dice dice_{20240101};
  std::unique_ptr<lg_matrix> matrix_{new lg_matrix{}};
};

TEST_F(JudgeProperty, AgreesWithThePlainStatement) {
  int allowed = 0;
  for (int round = 0; round < kRounds; round++) {
    if (round % 50 == 0) shuffle_matrix();
    const lg_subject subject = dice_.subject();
    const uint16_t wanted = right();
    const bool known = dice_.coin();
    const lg_verdict verdict = judge(subject, wanted, known);
    const Plain plain = plainly(*matrix_, subject, wanted, known);
    ASSERT_EQ(members(verdict.stack_culprits), plain.stack) << round;
    ASSERT_EQ(members(verdict.spawned_culprits), plain.spawned) << round;
    ASSERT_EQ(verdict.caller, plain.caller) << round;
    ASSERT_EQ(verdict.caller_is_culprit, plain.caller_guilty) << round;
    ASSERT_EQ(verdict.function_is_culprit, plain.function_guilty) << round;
    ASSERT_EQ(verdict.allowed,
              plain.stack.empty() && plain.spawned.empty() && !plain.caller_guilty && !plain.function_guilty);
    allowed += verdict.allowed;
  }
  EXPECT_GT(allowed, kRounds / 20);
  EXPECT_LT(allowed, kRounds * 19 / 20);
}

TEST_F(JudgeProperty, OneMoreLibraryNeverHelps) {
  for (int round = 0; round < kRounds; round++) {
    if (round % 50 == 0) shuffle_matrix();
    lg_subject subject = dice_.subject();
    const uint16_t wanted = right();
    if (judge(subject, wanted, true).allowed) continue;
    // Harmless rights ask the thread's maker only while no library is on the stack; then one more may replace it.
    if (!lg_is_dangerous(lg_group_of(wanted)) && lg_set_only_runtime(&subject.stack.active)) continue;
    lg_set* const sets[] = {&subject.stack.active, &subject.native, &subject.spawners};
    lg_set_add(sets[dice_.below(3)], dice_.library());
    ASSERT_FALSE(judge(subject, wanted, true).allowed) << round;
  }
}

TEST_F(JudgeProperty, OneMoreRefusalNeverHelps) {
  for (int round = 0; round < kRounds; round++) {
    if (round % 50 == 0) shuffle_matrix();
    const lg_subject subject = dice_.subject();
    const uint16_t wanted = right();
    if (judge(subject, wanted, true).allowed) continue;
    lg_set& row = matrix_->deny[subject.phase][dice_.below(LG_ROLES)][wanted];
    const lg_set before = row;
    lg_set_add(&row, dice_.library());
    ASSERT_FALSE(judge(subject, wanted, true).allowed) << round;
    row = before;
  }
}

TEST_F(JudgeProperty, UnknownStacksNeverGetDangerousRights) {
  // The policy never grants anything dangerous to unknown code.
  for (int round = 0; round < kRounds; round++) {
    if (round % 50 == 0) {
      shuffle_matrix();
      for (auto& phase : matrix_->deny)
        for (auto& role : phase)
          for (const uint16_t each : kRights) lg_set_add(&role[each], LG_UNKNOWN);
    }
    lg_subject subject = dice_.subject();
    const uint32_t flags[] = {LG_STACK_FAULT, LG_STACK_TRUNCATED, LG_STACK_UNKNOWN};
    subject.stack.flags |= flags[dice_.below(3)];
    const uint16_t wanted = right();
    if (lg_group_of(wanted) == LG_GROUP_OBJECT_THEFT) continue;  // asks the caller alone
    ASSERT_FALSE(judge(subject, wanted, true).allowed) << round;
  }
}

TEST_F(JudgeProperty, EmptyRowsRefuseNobody) {
  for (int round = 0; round < kRounds; round++) ASSERT_TRUE(judge(dice_.subject(), right(), true).allowed);
}

}  // namespace
}  // namespace libguard
