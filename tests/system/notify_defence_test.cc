// SPDX-License-Identifier: Apache-2.0
// What a guarded process may not do to its supervisor, whatever its rights; and what must go on working.
#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <cstdio>
#include <fstream>
#include <thread>

#include "core/backend/notify/abilities.h"
#include "core/backend/notify/listener.h"
#include "tests/system/notify_fixture.h"

namespace libguard {
namespace {

TEST_F(NotifyTest, TheSupervisorCannotBeAttacked) {
  options.emulate_opens = true;
  EXPECT_EQ(guest({"attack"}), 0);
  EXPECT_GE(guard.tampers.size(), 18u);
}

TEST_F(NotifyTest, OrdinarySignalsWork) { EXPECT_EQ(guest({"signals"}), 0); }

TEST_F(NotifyTest, KillOfTheSharedGroupSparesTheSupervisor) {
  // In a group of its own, or the test runner would be killed.
  pid_t runner = fork();
  if (runner == 0) {
    setpgid(0, 0);
    _exit(guest({"group-kill"}) == 128 + SIGKILL ? 0 : 1);
  }
  int ended = 0;
  waitpid(runner, &ended, 0);
  EXPECT_TRUE(WIFEXITED(ended));
  EXPECT_EQ(WEXITSTATUS(ended), 0);
}

TEST_F(NotifyTest, ForeignEntriesAreClosed) {
  guard.rule = [](const Call& call) {
    return group_of(call.right) == LG_GROUP_KERNEL ? Decision{Decision::kRefuse, EPERM} : Decision{};
  };
  EXPECT_EQ(guest({"foreign"}), 0);
  const std::vector<std::string> entries = {"a system call by the x32 entry", "a system call by the x32 entry",
                                            "a system call by the 32-bit entry (int 0x80)"};
  EXPECT_EQ(guard.tampers, entries);
}

TEST_F(NotifyTest, ForgedMarkerCallsAreRefused) {
  EXPECT_EQ(guest({"markers"}), 0);
  EXPECT_GE(guard.tampers.size(), 7u);
  EXPECT_EQ(guard.hellos, 0);
}

TEST_F(NotifyTest, ASecondListenerIsRefused) { EXPECT_EQ(guest({"listener"}), 0); }

TEST_F(NotifyTest, SignalsDoNotInterruptCalls) {
  guard.keep = false;
  EXPECT_EQ(guest({"storm", "40000", "1"}), 0);
  EXPECT_EQ(guest({"storm", "20000", "0"}), 0);
}

TEST_F(NotifyTest, ARefusalIsItsErrno) {
  guard.rule = [](const Call& call) {
    return right_name(call.right) == "openat:write" ? Decision{Decision::kRefuse, EXDEV} : Decision{};
  };
  EXPECT_EQ(guest({"open", "/dev/null"}), EXDEV);
  EXPECT_GE(counters["refused"], 1u);
}

TEST_F(NotifyTest, KillEndsTheProcess) {
  guard.rule = [](const Call& call) {
    return right_name(call.right) == "openat:write" ? Decision{Decision::kKill, EPERM} : Decision{};
  };
  EXPECT_EQ(guest({"open", "/dev/null"}), 128 + SIGKILL);
}

TEST_F(NotifyTest, WhatEverybodyMayIsNotDecided) {
  options.observe_everything = false;
  EXPECT_EQ(guest({"ok"}), 0);
  EXPECT_EQ(guard.decided, 0u);
  matrix->judged[LG_INIT][LG_RIGHT_OPENAT_WRITE / 64] |= 1ull << (LG_RIGHT_OPENAT_WRITE % 64);
  EXPECT_EQ(guest({"ok"}), 0);
  EXPECT_EQ(guard.decided, 1u);
}

// From Linux 6.12 the length of a turn is one's own choice (the kernel says it in /proc/PID/sched); nothing else
// changes.
TEST(NotifyListener, TheServingThreadAsksForShortTurns) {
  const auto told = [](const char* key) {
    std::ifstream file("/proc/thread-self/sched");
    for (std::string line; std::getline(file, line);)
      if (line.rfind(key, 0) == 0) return std::stoll(line.substr(line.find(':') + 1));
    return -1ll;
  };
  std::thread([&] {
    ASSERT_EQ(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 7), 0);
    const long long before = told("se.slice");
    Listener::begin_serving();
    EXPECT_EQ(getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())), 7);
    EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
    utsname kernel;
    ASSERT_EQ(uname(&kernel), 0);
    int major = 0, minor = 0;
    ASSERT_EQ(std::sscanf(kernel.release, "%d.%d", &major, &minor), 2);
    const bool grants = major * 100 + minor >= 612 && before > 0;
    EXPECT_EQ(told("se.slice"), grants ? 100000 : before);
  }).join();
}

TEST_F(NotifyTest, LatencyOfANotifiedCall) {
  outcomes[LG_NR_getppid] = Outcome::kNotify;
  guard.keep = false;
  EXPECT_EQ(guest({"latency", "2000"}), 0);
}

TEST(NotifyAbilities, CanaryIsRefused) {
  Status canary = run_canary();
  EXPECT_TRUE(canary) << canary.error().what;
  EXPECT_FALSE(check_kernel_release("5.18.19"));
  EXPECT_TRUE(check_kernel_release("5.19.0-rc1"));
  EXPECT_TRUE(check_kernel_release("6.1.0-18-amd64"));
  EXPECT_FALSE(check_kernel_release("nonsense"));
  EXPECT_GT(notify_abilities().size(), 400u);
}

class NotifyPathsTest : public NotifyTest {
 protected:
  void SetUp() override {
    NotifyTest::SetUp();
    char folder[] = "/tmp/libguard-notify-XXXXXX";
    root = mkdtemp(folder);
    code = root + "/code";
    mkdir(code.c_str(), 0755);
    std::ofstream(code + "/module.py") << "original";
    std::ofstream(root + "/other") << "other";
    guard.protected_files = {code};
    options.emulate_opens = true;
  }
  void TearDown() override { [[maybe_unused]] int gone = std::system(("rm -rf " + root).c_str()); }
  std::string text(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string root, code;
};

TEST_F(NotifyPathsTest, ProtectedFilesStay) {
  symlink((code + "/module.py").c_str(), (root + "/link").c_str());
  symlink((code + "/dangling.py").c_str(), (root + "/hole").c_str());
  symlink("/proc/self/cwd", (root + "/cwd").c_str());
  EXPECT_EQ(guest({"create", code + "/module.py"}), EPERM);
  EXPECT_EQ(guest({"create", code + "/new.py"}), EPERM);
  EXPECT_EQ(guest({"create", root + "/code/../code/./new.py"}), EPERM);
  EXPECT_EQ(guest({"create", root + "/link"}), EPERM);
  EXPECT_EQ(guest({"create", root + "/hole"}), EPERM);
  EXPECT_EQ(guest({"create", "/proc/self/root" + code + "/module.py"}), EPERM);
  EXPECT_EQ(guest({"create", root + "/cwd/../../../../../../../../" + code + "/module.py"}), EPERM);
  EXPECT_EQ(guest({"unlink", code + "/module.py"}), EPERM);
  EXPECT_EQ(guest({"rename", root + "/other", code + "/module.py"}), EPERM);
  EXPECT_EQ(guest({"rename", code, root + "/moved"}), EPERM);
  EXPECT_EQ(guest({"rename", root, root + "-moved"}), EPERM);
  EXPECT_EQ(guest({"link", code + "/module.py", root + "/second-name"}), EPERM);
  EXPECT_EQ(text(code + "/module.py"), "original");
  EXPECT_EQ(guard.tampers.size(), 12u);
}

TEST_F(NotifyPathsTest, MemoryIsNeverWritten) {
  symlink("/proc/self/mem", (root + "/memory").c_str());
  EXPECT_EQ(guest({"open", "/proc/self/mem"}), EPERM);
  EXPECT_EQ(guest({"open", "/proc/thread-self/mem"}), EPERM);
  EXPECT_EQ(guest({"open", root + "/memory"}), EPERM);
  EXPECT_EQ(guest({"open", "/proc/self/comm"}), 0);
}

TEST_F(NotifyPathsTest, OtherOpensAreAsTheyWere) {
  mode_t before = umask(027);
  EXPECT_EQ(guest({"create", root + "/made"}), 0);
  umask(before);
  struct stat info;
  ASSERT_EQ(stat((root + "/made").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  EXPECT_EQ(text(root + "/made"), "x");
  EXPECT_GE(counters["opens_emulated"], 1u);
  EXPECT_EQ(guest({"open", root + "/missing"}), ENOENT);
  EXPECT_EQ(guest({"open", root}), EISDIR);
  EXPECT_EQ(guest({"open", root + "/other/below"}), ENOTDIR);
  EXPECT_EQ(guest({"open", "/dev/null"}), 0);
  EXPECT_EQ(guest({"open", "/dev/full"}), 0);
  EXPECT_EQ(run({"/bin/sh", "-c", "cd " + root + " && echo a > rel && echo b >> rel && test \"$(cat rel)\" = 'a\nb'"}),
            0);
  EXPECT_EQ(run({"/bin/sh", "-c", "exec 2> " + root + "/err; echo hello > /dev/stderr; echo x >> /dev/fd/2"}), 0);
  EXPECT_EQ(text(root + "/err"), "hello\nx\n");
  EXPECT_EQ(
      run({"/bin/sh", "-c", "mkfifo " + root + "/f; (cat < " + root + "/f >/dev/null &) ; echo x > " + root + "/f"}),
      0);
  EXPECT_TRUE(guard.tampers.empty());
}

// The supervisor makes the files: with the mask that the thread has now, its own or its maker's.
TEST_F(NotifyPathsTest, FilesAreMadeWithTheMaskOfTheMoment) {
  EXPECT_EQ(run({"/bin/sh", "-c",
                 "cd " + root +
                     " && umask 077 && : > a && umask 022 && : > b && (umask 0 && : > c) && : > d && "
                     "umask 027 && sh -c ': > e; umask 002; : > f' && : > g && "
                     "test \"$(stat -c %a a b c d e f g | tr '\\n' ' ')\" = '600 644 666 644 640 664 640 '"}),
            0);
  EXPECT_GE(counters["opens_emulated"], 7u);
}

}  // namespace
}  // namespace libguard
