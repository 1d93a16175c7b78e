// SPDX-License-Identifier: Apache-2.0
// The running kernel accepts the generated filters and answers as they say.
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "core/rights/seccomp_filter.h"

namespace libguard {
namespace {

// Runs `body` in a child below the filter; its result is the exit status (255: the filter was refused).
template <class Body>
int below(const std::vector<sock_filter>& filter, Body body) {
  const pid_t child = fork();
  if (child == 0) {
    const sock_fprog program = {static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
      _exit(255);
    syscall(SYS_exit_group, body());  // a sanitizer's _exit makes calls that the filter may refuse
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST(FilterInKernel, RefusesWhatTheRuleSays) {
  std::vector<Outcome> outcomes(LG_MAX_RIGHTS, Outcome::kAllow);
  outcomes[LG_RIGHT_OPENAT_WRITE] = outcomes[LG_RIGHT_SOCKET_OTHER] = Outcome::kErrno;
  const auto filter = make_filter({outcomes, EACCES});
  ASSERT_TRUE(filter);
  EXPECT_EQ(below(*filter,
                  [] {
                    if (syscall(SYS_openat, -100, "/dev/null", 0) < 0) return 1;
                    if (syscall(SYS_openat, -100, "/dev/null", 2) != -1 || errno != EACCES) return 2;
                    if (syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) < 0) return 3;
                    if (syscall(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0) != -1 || errno != EACCES) return 4;
                    if (syscall(SYS_clone3, nullptr, 0) != -1 || errno != ENOSYS) return 5;
                    if (syscall(SYS_getpid | 0x40000000) != -1 || errno != ENOSYS) return 6;
                    if (syscall(SYS_prctl, LG_PRCTL, 1, 0, 0, 0) != -1 || errno != ENOSYS) return 7;  // no listener
                    return 0;
                  }),
            0);
}

TEST(FilterInKernel, IsAcceptedForAnyOutcomes) {
  std::mt19937 random(7);
  for (int round = 0; round < 5; round++) {
    std::vector<Outcome> outcomes(LG_MAX_RIGHTS);
    for (auto& outcome : outcomes) outcome = static_cast<Outcome>(random() % 3);
    const auto filter = make_filter({outcomes});
    ASSERT_TRUE(filter);
    EXPECT_EQ(below(*filter, [] { return 0; }), 0);
  }
}

long call_32(long number) {
  asm volatile("int $0x80" : "+a"(number) : "b"(0L) : "memory", "r8", "r9", "r10", "r11");
  return number;
}

TEST(FilterInKernel, RefusesTheOldEntryWithoutASupervisorToo) {
  const auto filter = make_filter({std::vector<Outcome>(LG_MAX_RIGHTS, Outcome::kAllow)});
  ASSERT_TRUE(filter);
  EXPECT_EQ(below(*filter, [] { return call_32(20) == -ENOSYS ? 0 : 1; }), 0) << "getpid went through";
  EXPECT_EQ(below(*filter, [] { return static_cast<int>(call_32(252)); }), 128 + SIGSYS);
}

}  // namespace
}  // namespace libguard
