// SPDX-License-Identifier: Apache-2.0
// Threads, forks, vforks, execs and their ends under the notify backend: no runtime needed.
#include "tests/system/notify_fixture.h"

namespace libguard {
namespace {

TEST_F(NotifyTest, RunsACommandAndGivesItsStatus) {
  EXPECT_EQ(guest({"ok"}), 0);
  ASSERT_EQ(guard.programs.size(), 1u);
  EXPECT_EQ(guard.programs[0].executable, NOTIFY_GUEST);
  EXPECT_FALSE(guard.programs[0].language_runtime);
  EXPECT_EQ(guard.programs[0].parent_program, kNoProgram);
  EXPECT_EQ(guest({"exit", "7"}), 7);
  EXPECT_EQ(guest({"raise", "15"}), 128 + SIGTERM);
}

TEST_F(NotifyTest, ACommandThatCannotRunIsAnOutcome) {
  EXPECT_EQ(run({"/nonexistent/command"}), 127);
  EXPECT_EQ(exec_error, ENOENT);
  EXPECT_EQ(run({"/etc/passwd"}), 126);
  EXPECT_EQ(exec_error, EACCES);
}

TEST_F(NotifyTest, ThreadsInheritTheirMaker) {
  EXPECT_EQ(guest({"threads", "8", "3"}), 0);
  size_t checked = 0;
  for (const auto& seen : guard.seen) {
    if (seen.right != "openat:write" || seen.tid == seen.pid) continue;
    checked++;
    EXPECT_TRUE(in(seen.subject.inherited, NOTIFY_GUEST));
    EXPECT_FALSE(LibrarySet(seen.subject.inherited).has(LibraryId::kUnknown));
    EXPECT_EQ(seen.subject.stack.flags, LG_STACK_PROGRAM);
  }
  EXPECT_GE(checked, 24u);
  expect_known_makers();
}

TEST_F(NotifyTest, ManyThreadsAndBoundedMemory) {
  guard.keep = false;
  EXPECT_EQ(guest({"threads", "5000", "1"}), 0);
  expect_known_makers();
  EXPECT_EQ(guest({"threads", "50", "100"}), 0);
  EXPECT_EQ(processes_left, 0u);
  EXPECT_EQ(threads_left, 0u);
}

TEST_F(NotifyTest, ForksKeepTheProgram) {
  EXPECT_EQ(guest({"fork", "4"}), 0);
  EXPECT_EQ(guard.programs.size(), 1u);
  expect_known_makers();
  for (const auto& seen : guard.seen) EXPECT_FALSE(LibrarySet(seen.subject.inherited).has(LibraryId::kUnknown));
}

TEST_F(NotifyTest, AnOrphanKeepsItsProgram) {
  EXPECT_EQ(guest({"orphan"}), 0);
  EXPECT_EQ(guard.programs.size(), 1u);
  expect_known_makers();
}

TEST_F(NotifyTest, SpawnersGrowWithEveryExec) {
  EXPECT_EQ(guest({"spawn", "/bin/sh", "-c", "/bin/true; exec /usr/bin/env true"}), 0);
  ASSERT_GE(guard.programs.size(), 4u);
  std::string shell = guard.programs[1].executable;
  for (const auto& seen : guard.seen) {
    const auto& program = guard.programs[seen.program];
    bool first = seen.program == 0, is_shell = program.executable == shell;
    EXPECT_EQ(in(seen.subject.spawners, NOTIFY_GUEST), !first) << seen.right;
    EXPECT_EQ(in(seen.subject.spawners, shell), !first && !is_shell) << seen.right << " " << program.executable;
    EXPECT_TRUE(in(seen.subject.stack.active, program.executable));
  }
  EXPECT_EQ(guard.programs[2].parent_program, 1u);
}

TEST_F(NotifyTest, VforkChildIsItsMakerUntilExec) {
  EXPECT_EQ(guest({"vfork", "/bin/sh", "-c", "exit 5"}), 5);
  ASSERT_EQ(guard.programs.size(), 2u);
  size_t execs = 0;
  for (const auto& seen : guard.seen) {
    if (seen.right != "execve") continue;
    execs++;
    EXPECT_EQ(seen.program, 0u);
    EXPECT_TRUE(in(seen.subject.stack.active, NOTIFY_GUEST));
    EXPECT_TRUE(LibrarySet(seen.subject.spawners).empty());
  }
  EXPECT_GE(execs, 2u);
  expect_known_makers();
}

TEST_F(NotifyTest, AFailedExecChangesNothing) {
  EXPECT_EQ(guest({"exec-failure"}), 0);
  EXPECT_EQ(guard.programs.size(), 1u);
}

TEST_F(NotifyTest, ExecFromAThread) {
  for (int round = 0; round < 20; round++) {
    guard.programs.clear();
    guard.seen.clear();
    EXPECT_EQ(guest({"exec-thread", NOTIFY_GUEST, "exit", "9"}), 9);
    ASSERT_EQ(guard.programs.size(), 2u);
  }
  expect_known_makers();
}

TEST_F(NotifyTest, SecondRobustListIsRefused) {
  EXPECT_EQ(guest({"robust"}), 0);
  ASSERT_EQ(guard.tampers.size(), 2u);
  EXPECT_EQ(guard.tampers[0], "a second robust list");
}

TEST_F(NotifyTest, TheSameExecutableAgainIsANewProgram) {
  EXPECT_EQ(guest({"spawn", NOTIFY_GUEST, "spawn", NOTIFY_GUEST, "ok"}), 0);
  EXPECT_EQ(guard.programs.size(), 3u);
}

TEST_F(NotifyTest, DeathsWhileWaiting) {
  guard.keep = false;
  EXPECT_EQ(guest({"deaths", "500"}), 0);
  expect_known_makers();
  EXPECT_EQ(processes_left, 0u);
}

TEST_F(NotifyTest, TwoHundredProgramsPerSecond) {
  guard.keep = false;
  EXPECT_EQ(guest({"churn", "200", "5"}), 0);
  EXPECT_EQ(guard.programs.size(), 1001u);
  EXPECT_EQ(guard.exits.size(), 1001u);
  expect_known_makers();
  EXPECT_GE(guard.ticks, 2);
}

TEST_F(NotifyTest, ForeignLoaderEnvironmentIsUnknown) {
  EXPECT_EQ(guest({"spawn", "/usr/bin/env", "LD_LIBRARY_PATH=/tmp", NOTIFY_GUEST, "ok"}), 0);
  ASSERT_EQ(guard.programs.size(), 3u);
  EXPECT_FALSE(guard.programs[1].foreign_environment);
  EXPECT_TRUE(guard.programs[2].foreign_environment);
}

TEST_F(NotifyTest, RecognisesPythonAndHoldsItAtStartup) {
  EXPECT_EQ(run({"/usr/bin/python3", "-c", "open('/dev/null', 'w')"}), 0);
  ASSERT_GE(guard.programs.size(), 1u);
  EXPECT_TRUE(guard.programs[0].language_runtime);
  for (const auto& seen : guard.seen) EXPECT_TRUE(LibrarySet(seen.subject.stack.active).has(LibraryId::kStartup));
}

}  // namespace
}  // namespace libguard
