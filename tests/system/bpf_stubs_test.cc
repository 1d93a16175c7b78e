// SPDX-License-Identifier: Apache-2.0
// Which of the means refuses which call, and that a stub that is claimed is overridden. LIBGUARD_REFUSED_BY in the
// environment is what the kernel should refuse by. Needs root.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/backend/bpf/preemption.h"
#include "core/backend/bpf/stubs.h"
#include "tests/system/bpf_refusing.h"

namespace libguard {
namespace {

using Stubs = Refusing;

bool names(const std::vector<int>& calls, int nr) { return std::find(calls.begin(), calls.end(), nr) != calls.end(); }

size_t hook_number(const std::string& name) {
  for (size_t i = 0; i < hooks().size(); i++)
    if (hooks()[i].name == name) return i;
  ADD_FAILURE() << name;
  return 0;
}

Refusers none() { return {{}, std::vector<HookKind>(hooks().size(), HookKind::kNone)}; }

// Are stubs overridden exactly where the kernel lets them be, and is not preemptible?
TEST_F(Stubs, AreThereWhereTheKernelHasThem) {
  const bool list = access("/sys/kernel/debug/error_injection/list", F_OK) == 0;  // CONFIG_FUNCTION_ERROR_INJECTION
  const char* by = std::getenv("LIBGUARD_REFUSED_BY");
  EXPECT_EQ(!refusers_.stubs.empty(), list && !is_preemptible(preemption_facts()));
  if (by != nullptr && std::string(by) == "override") {
    EXPECT_GT(refusers_.stubs.size(), 200u);
  }
  std::printf("%zu stubs of %zu that were wanted\n", refusers_.stubs.size(), stub_candidates().size());
}

TEST_F(Stubs, EachIsOverriddenWhateverTheArguments) {
  const std::vector<int>& stubs = refusers_.stubs;
  for (int nr : {SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_restart_syscall}) EXPECT_FALSE(names(stubs, nr)) << nr;
  if (stubs.empty()) return;
  load(refusers_, stubs);
  ASSERT_TRUE(in_child(true, [&] {
    int* answer = answers_;
    for (int nr : stubs)
      for (long argument : {-1L, 0L, 1L})
        *answer++ = syscall(nr, argument, argument, argument, argument, argument, argument) < 0 ? errno : 0;
  }));
  for (size_t i = 0; i < stubs.size() * 3; i++) EXPECT_EQ(answers_[i], kErrno) << "call " << stubs[i / 3];
  EXPECT_GE(kernel_->counts().hook_denied, stubs.size() * 3);
  EXPECT_EQ(kernel_->passed_over(), 0u);
}

// Nobody else notices that a program stands at the stub.
TEST_F(Stubs, OfWhoIsNotGuardedAreNotOverridden) {
  if (refusers_.stubs.empty()) return;
  load(refusers_, refusers_.stubs);
  EXPECT_EQ(syscall(SYS_getppid), getppid());
  ASSERT_TRUE(in_child(false, [&] {
    for (int nr : {SYS_getppid, SYS_getuid, SYS_uname}) *answers_ |= names(refusers_.stubs, nr) ? 1 : 2;
    answers_[1] = syscall(SYS_getppid) > 0 && syscall(SYS_getpid) == getpid();
  }));
  EXPECT_EQ(answers_[0], 1);
  EXPECT_EQ(answers_[1], 1);
}

// A right belongs to the kernel if each of its calls is refused, whichever means refuses which.
TEST_F(Stubs, RightByRightAndCallByCallTheFirstMeansThatIsThere) {
  const auto made = *find_right("socket:unix"), parent = *find_right("getppid");
  const std::vector<Right> both = {made, parent};
  auto kept = [&](Refusers refusers) {
    RightSet rights;
    for (Right right : both) rights.add(right);
    keep_refusable(rights, refusers);
    return std::make_pair(rights, refusers);
  };
  Refusers some = none();
  EXPECT_TRUE(kept(some).first.empty());
  some.stubs = {SYS_getuid, SYS_getppid};
  auto [rights, needed] = kept(some);
  EXPECT_TRUE(rights.has(parent) && !rights.has(made)) << "the other one is left to notify";
  EXPECT_EQ(needed.stubs, std::vector<int>{SYS_getppid}) << "nothing stands where nobody needs it";
  some.hooks[hook_number("socket_create")] = HookKind::kModifyReturn;
  std::tie(rights, needed) = kept(some);
  EXPECT_TRUE(rights.has(parent) && rights.has(made));
  EXPECT_EQ(needed.hooks[hook_number("socket_create")], HookKind::kModifyReturn);
  some.stubs = {SYS_socket, SYS_getppid};
  some.hooks[hook_number("socket_create")] = HookKind::kNone;
  std::tie(rights, needed) = kept(some);
  EXPECT_EQ(needed.stubs, (std::vector<int>{SYS_socket, SYS_getppid}));
}

// A stub that did not refuse its canary: the hook of the call takes over, and is asked in place of the stub.
TEST_F(Stubs, ThatDoNotRefuseAreLeftToHooks) {
  const size_t hook = hook_number("socket_listen");
  if (!names(refusers_.stubs, SYS_listen)) return;
  EXPECT_EQ(refusers_.hooks[hook], HookKind::kNone) << "one means for each call";
  Refusers others = probe_refusers({SYS_listen});
  EXPECT_FALSE(names(others.stubs, SYS_listen));
  EXPECT_EQ(others.hooks[hook], HookKind::kModifyReturn);
  load(others, {SYS_listen});
  EXPECT_TRUE(prove_refusers(*kernel_, others).empty());
  EXPECT_EQ(others.hooks[hook], HookKind::kModifyReturn) << "its canary was refused";
}

}  // namespace
}  // namespace libguard
