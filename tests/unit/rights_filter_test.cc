// SPDX-License-Identifier: Apache-2.0
// The seccomp filter, run in an interpreter, answers what lg_classify says, for every number and argument class.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include <random>
#include <set>

#include "core/rights/seccomp_filter.h"
#include "tests/unit/rights_bpf_interpreter.h"

namespace libguard {
namespace {

constexpr uint32_t kSelf = 4711;
constexpr int kError = EACCES;

uint32_t action(Outcome outcome) {
  if (outcome == Outcome::kAllow) return SECCOMP_RET_ALLOW;
  return outcome == Outcome::kErrno ? SECCOMP_RET_ERRNO | kError : static_cast<uint32_t>(SECCOMP_RET_USER_NOTIF);
}

// Values around everything that a test of one argument compares with.
std::set<uint64_t> interesting(uint32_t nr, uint32_t slot) {
  std::set<uint64_t> values = {0, 1, kSelf, ~0ull, 0xffffffff, 1ull << 32, 1ull << 63};
  for (const lg_rule& rule : rules())
    for (const lg_test& test : rule.test) {
      if (rule.nr != nr || test.slot != slot || test.kind == LG_TEST_ALWAYS) continue;
      for (int bit = 0; bit < 64; bit++) {
        if (!(test.mask >> bit & 1)) continue;
        if (test.kind == LG_TEST_IN)
          values.insert({static_cast<uint64_t>(bit), bit + 1ull, bit + (1ull << 32)});
        else
          values.insert({1ull << bit, test.value ^ (1ull << bit)});
      }
      if (test.kind != LG_TEST_IN)
        values.insert({test.value, test.value | ~test.mask, test.value + 1, test.value - 1, test.value | 1ull << 40});
    }
  return values;
}

// Every combination for the arguments that the rules of a number look at; the others random.
std::vector<std::array<uint64_t, 6>> argument_classes(uint32_t nr, std::mt19937_64& random) {
  std::vector<std::array<uint64_t, 6>> all(1);
  for (auto& arg : all[0]) arg = random();
  for (uint32_t slot = 0; slot < 6; slot++) {
    bool tested = false;
    for (const lg_rule& rule : rules())
      for (const lg_test& test : rule.test)
        tested |= rule.nr == nr && test.kind != LG_TEST_ALWAYS &&
                  (test.slot == slot || (slot == 0 && test.slot == LG_SLOT_SELF));
    if (!tested) continue;
    std::vector<std::array<uint64_t, 6>> more;
    for (const auto& args : all)
      for (const uint64_t value : interesting(nr, slot)) {
        more.push_back(args);
        more.back()[slot] = value;
      }
    all = std::move(more);
  }
  return all;
}

// What the filter must say: the common outcome of every right that the unknown context may lead to, else notify.
uint32_t expected(uint32_t nr, const std::array<uint64_t, 6>& args, const std::vector<Outcome>& outcomes) {
  if (lg_always_allowed(nr)) return SECCOMP_RET_ALLOW;
  if (nr == SYS_clone3) return SECCOMP_RET_ERRNO | ENOSYS;
  if (nr == SYS_set_robust_list) return SECCOMP_RET_USER_NOTIF;
  if (nr == SYS_prctl && static_cast<uint32_t>(args[0]) == LG_PRCTL) return SECCOMP_RET_USER_NOTIF;
  std::set<Outcome> possible;
  // The filter cannot know that no process has the number 0.
  const auto self = static_cast<uint32_t>(args[0]) == 0 ? kSelf : static_cast<uint32_t>(args[0]);
  std::array<uint64_t, 6> same = args;
  const bool by_number = nr == SYS_kill || nr == SYS_tgkill || nr == SYS_pidfd_open;
  if (static_cast<uint32_t>(args[0]) == 0 && by_number) same[0] = kSelf;
  for (const uint32_t family : {0u, 1u, 2u, 10u, 16u, 17u}) {
    possible.insert(outcomes[number(classify(nr, same.data(), self, family))]);
    possible.insert(outcomes[number(classify(nr, args.data(), 0, family))]);
  }
  return possible.size() == 1 ? action(*possible.begin()) : static_cast<uint32_t>(SECCOMP_RET_USER_NOTIF);
}

void compare(const std::vector<Outcome>& outcomes, uint64_t seed) {
  const auto filter = make_filter({outcomes, kError});
  ASSERT_TRUE(filter) << filter.error().what;
  EXPECT_LE(filter->size(), static_cast<size_t>(BPF_MAXINSNS));
  std::mt19937_64 random(seed);
  size_t wrong = 0;
  for (uint32_t nr = 0; nr < 600; nr++)
    for (const auto& args : argument_classes(nr, random)) {
      seccomp_data data{};
      data.nr = static_cast<int>(nr);
      data.arch = AUDIT_ARCH_X86_64;
      std::copy(args.begin(), args.end(), data.args);
      const auto answer = run_filter(*filter, data);
      ASSERT_TRUE(answer);
      if (*answer != expected(nr, args, outcomes) && wrong++ < 10)
        ADD_FAILURE() << nr << " " << std::hex << args[0] << " " << args[1] << " " << args[2] << " " << args[3] << " "
                      << args[4] << ": " << *answer << " instead of " << expected(nr, args, outcomes);
    }
  EXPECT_EQ(wrong, 0u);
}

TEST(Filter, AgreesWithTheClassifierWhenAllRightsAreAlike) {
  for (const Outcome outcome : {Outcome::kAllow, Outcome::kErrno, Outcome::kNotify})
    compare(std::vector<Outcome>(LG_MAX_RIGHTS, outcome), 1);
}

TEST(Filter, AgreesWithTheClassifierForAGuard) {
  std::vector<Outcome> outcomes(LG_MAX_RIGHTS, Outcome::kNotify);
  for (int right = 0; right < LG_MAX_RIGHTS; right++) {
    const uint8_t group = lg_group_of(static_cast<uint32_t>(right));
    if (group <= LG_GROUP_FILE_READ) outcomes[right] = Outcome::kAllow;
    if (group == LG_GROUP_KERNEL) outcomes[right] = Outcome::kErrno;
  }
  compare(outcomes, 2);
  const auto filter = make_filter({outcomes});
  ASSERT_TRUE(filter);
  EXPECT_LT(filter->size(), 700u);
}

TEST(Filter, AgreesWithTheClassifierForRandomOutcomes) {
  std::mt19937 random(3);
  for (int round = 0; round < 12; round++) {
    std::vector<Outcome> outcomes(LG_MAX_RIGHTS);
    for (auto& outcome : outcomes) outcome = static_cast<Outcome>(random() % 3);
    compare(outcomes, 4 + round);
  }
}

uint32_t answer_of(int nr, uint32_t arch, uint64_t first = 0) {
  const auto filter = make_filter({std::vector<Outcome>(LG_MAX_RIGHTS, Outcome::kAllow), kError});
  seccomp_data data{};
  data.nr = nr;
  data.arch = arch;
  data.args[0] = first;
  return filter ? run_filter(*filter, data).value_or(0xffffffff) : 0xffffffff;
}

TEST(Filter, LetsNoOtherArchitectureIn) {
  EXPECT_EQ(answer_of(SYS_read, AUDIT_ARCH_AARCH64), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(answer_of(1, AUDIT_ARCH_I386), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(answer_of(252, AUDIT_ARCH_I386), SECCOMP_RET_KILL_PROCESS);
  EXPECT_EQ(answer_of(-1, AUDIT_ARCH_X86_64), SECCOMP_RET_ERRNO | ENOSYS);
  EXPECT_EQ(answer_of(SYS_read | static_cast<int>(0x80000000), AUDIT_ARCH_X86_64), SECCOMP_RET_ERRNO | ENOSYS);
}

// Of the calls by other entries none passes and none is left without an event, also those of numbers that are always
// allowed by the native one.
TEST(Filter, NotifiesEveryCallByAnotherEntry) {
  for (int nr = 0; nr < 600; nr++) {
    if (nr != 1 && nr != 252) {
      EXPECT_EQ(answer_of(nr, AUDIT_ARCH_I386), SECCOMP_RET_USER_NOTIF) << nr;
    }
    EXPECT_EQ(answer_of(nr | static_cast<int>(kX32Bit), AUDIT_ARCH_X86_64), SECCOMP_RET_USER_NOTIF) << nr;
  }
  EXPECT_EQ(answer_of(-1, AUDIT_ARCH_I386), SECCOMP_RET_USER_NOTIF);
}

TEST(Filter, TellsTheNativeEntryFromTheOthers) {
  const auto native = [](uint32_t nr, uint32_t arch) {
    seccomp_data call{};
    call.nr = static_cast<int>(nr);
    call.arch = arch;
    return is_native_entry(call);
  };
  EXPECT_TRUE(native(SYS_read, AUDIT_ARCH_X86_64));
  EXPECT_TRUE(native(kX32Bit - 1, AUDIT_ARCH_X86_64));
  EXPECT_FALSE(native(kX32Bit | SYS_read, AUDIT_ARCH_X86_64));
  EXPECT_FALSE(native(SYS_read, AUDIT_ARCH_I386));
}

TEST(Filter, NotifiesMarkersAndBirthsWhateverTheOptionsSay) {
  EXPECT_EQ(answer_of(SYS_prctl, AUDIT_ARCH_X86_64, LG_PRCTL), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(answer_of(SYS_prctl, AUDIT_ARCH_X86_64, LG_PRCTL | 1ull << 32), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(answer_of(SYS_prctl, AUDIT_ARCH_X86_64, 15), SECCOMP_RET_ALLOW);
  EXPECT_EQ(answer_of(SYS_set_robust_list, AUDIT_ARCH_X86_64), SECCOMP_RET_USER_NOTIF);
  EXPECT_EQ(answer_of(SYS_clone3, AUDIT_ARCH_X86_64), SECCOMP_RET_ERRNO | ENOSYS);
}

TEST(Filter, NotifiesRightsThatTheOptionsDoNotKnow) {
  const auto filter = make_filter({});
  ASSERT_TRUE(filter);
  seccomp_data data{};
  data.arch = AUDIT_ARCH_X86_64;
  for (const int nr : {SYS_read, SYS_openat, SYS_mmap, 511, 100000}) {
    data.nr = nr;
    EXPECT_EQ(run_filter(*filter, data), SECCOMP_RET_USER_NOTIF) << nr;
  }
  data.nr = SYS_exit_group;
  EXPECT_EQ(run_filter(*filter, data), SECCOMP_RET_ALLOW);
}

TEST(Filter, LetsAProcessWaitBeforeItsEndIfToldTo) {
  FilterOptions options;
  options.outcomes.assign(LG_MAX_RIGHTS, Outcome::kAllow);
  options.ends = true;
  const auto filter = make_filter(options);
  ASSERT_TRUE(filter);
  seccomp_data data{};
  data.arch = AUDIT_ARCH_X86_64;
  data.nr = SYS_exit_group;
  EXPECT_EQ(run_filter(*filter, data), SECCOMP_RET_USER_NOTIF);
  for (const int nr : {SYS_exit, SYS_rt_sigreturn, SYS_read}) {
    data.nr = nr;
    EXPECT_EQ(run_filter(*filter, data), SECCOMP_RET_ALLOW) << nr;
  }
}

}  // namespace
}  // namespace libguard
