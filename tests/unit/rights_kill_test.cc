// SPDX-License-Identifier: Apache-2.0
// The filter that ends a process at some numbers: every number, and what the running kernel makes of it.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/rights/kill_filter.h"
#include "core/rights/rights.h"
#include "rights_bpf_interpreter.h"

namespace libguard {
namespace {

uint32_t answer_to(const std::vector<sock_filter>& filter, uint32_t nr, uint32_t arch = AUDIT_ARCH_X86_64) {
  seccomp_data call{};
  call.nr = static_cast<int>(nr);
  call.arch = arch;
  const auto answer = run_filter(filter, call);
  EXPECT_TRUE(answer);
  return answer.value_or(0);
}

TEST(KillFilter, EndsAtItsNumbersAndNoOthers) {
  for (const std::set<uint32_t>& numbers :
       {std::set<uint32_t>{}, {0}, {0, 1, 2}, {1, 3, 5, 6, 7, 9, 200, 201}, {SYS_execve, SYS_ptrace, LG_NUMBERS - 1}}) {
    const auto filter = make_kill_filter(numbers);
    ASSERT_TRUE(filter);
    for (uint32_t nr = 0; nr < LG_NUMBERS + 10; nr++)
      EXPECT_EQ(answer_to(*filter, nr), numbers.count(nr) ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW) << nr;
    EXPECT_EQ(answer_to(*filter, SYS_getpid, AUDIT_ARCH_I386), SECCOMP_RET_KILL_PROCESS);
  }
}

TEST(KillFilter, LeavesWhatAGuardLivesBy) {
  std::set<uint32_t> all;
  for (uint32_t nr = 0; nr < LG_NUMBERS; nr++) all.insert(nr);
  const auto filter = make_kill_filter(all);
  ASSERT_TRUE(filter);
  for (const long nr : {SYS_rt_sigreturn, SYS_exit, SYS_exit_group, SYS_prctl, SYS_set_robust_list, SYS_clone3})
    EXPECT_EQ(answer_to(*filter, static_cast<uint32_t>(nr)), SECCOMP_RET_ALLOW) << nr;
  EXPECT_EQ(answer_to(*filter, SYS_read), SECCOMP_RET_KILL_PROCESS);
}

TEST(KillFilter, IsTakenByTheKernel) {
  const auto filter = make_kill_filter({SYS_getpriority});
  ASSERT_TRUE(filter);
  const pid_t child = fork();
  if (child == 0) {
    const sock_fprog program = {static_cast<unsigned short>(filter->size()), const_cast<sock_filter*>(filter->data())};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) _exit(1);
    syscall(SYS_getpid);
    syscall(SYS_getpriority, 0, 0);
    syscall(SYS_exit_group, 2);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  EXPECT_EQ(WTERMSIG(status), SIGSYS);
}

}  // namespace
}  // namespace libguard
