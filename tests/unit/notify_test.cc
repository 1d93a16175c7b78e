// SPDX-License-Identifier: Apache-2.0
// Pure parts of the notify backend: traits and outcomes, call instructions, paths, the state machine's corner cases.
#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "bpf/judge.h"
#include "core/backend/notify/defence.h"
#include "core/backend/notify/native_map.h"
#include "core/backend/notify/path_calls.h"
#include "core/backend/notify/paths.h"
#include "core/backend/notify/places.h"
#include "core/backend/notify/shield.h"
#include "core/backend/notify/spawn.h"
#include "core/backend/notify/tasks.h"
#include "core/backend/notify/traits.h"

namespace libguard {
namespace {

TEST(ForceNotify, RaisesWhatMakesTasksAndWhatHitsTheSupervisor) {
  std::vector<Outcome> outcomes(LG_MAX_RIGHTS, Outcome::kAllow);
  outcomes[LG_NR_ptrace] = Outcome::kErrno;
  force_notify(outcomes, false);
  for (int right : {int{LG_RIGHT_CLONE_THREAD}, int{LG_RIGHT_CLONE_PROCESS}, int{LG_NR_fork}, int{LG_NR_vfork},
                    int{LG_NR_execve}, int{LG_NR_execveat}, int{LG_NR_kill}, int{LG_NR_pidfd_send_signal},
                    int{LG_RIGHT_FCNTL_OWNER}, int{LG_RIGHT_IOCTL_CONTROL}, int{LG_RIGHT_MMAP_EXEC_FILE},
                    int{LG_NR_prlimit64}, int{LG_NR_setuid}, int{LG_NR_unshare}})
    EXPECT_EQ(outcomes[static_cast<size_t>(right)], Outcome::kNotify) << right;
  EXPECT_EQ(outcomes[LG_NR_ptrace], Outcome::kErrno);
  for (int right : {int{LG_RIGHT_KILL_SELF}, int{LG_RIGHT_PIDFD_OPEN_SELF}, int{LG_RIGHT_OPENAT_READ},
                    int{LG_RIGHT_OPENAT_WRITE}, int{LG_NR_unlink}, int{LG_NR_mmap}, int{LG_NR_fcntl}, int{LG_NR_read}})
    EXPECT_EQ(outcomes[static_cast<size_t>(right)], Outcome::kAllow) << right;
  force_notify(outcomes, true);
  EXPECT_EQ(outcomes[LG_RIGHT_OPENAT_WRITE], Outcome::kNotify);
  EXPECT_EQ(outcomes[LG_NR_unlink], Outcome::kNotify);
  EXPECT_EQ(outcomes[LG_RIGHT_OPENAT_READ], Outcome::kAllow);
}

// Whatever changes files by path in these groups is looked at.
TEST(PathCalls, CoverTheGroups) {
  for (lg_group group : {LG_GROUP_FILE_WRITE, LG_GROUP_FILE_META, LG_GROUP_FILE_LINK}) {
    for (Right right : rights_of(group)) {
      uint16_t nr = number(right);
      if (nr >= LG_FIRST_SPLIT) continue;
      std::string name = right_name(right);
      bool by_descriptor = name[0] == 'f' && !name.ends_with("at") && !name.ends_with("at2") && name != "file_setattr";
      if (by_descriptor || name == "quotactl" || name == "acct") continue;
      EXPECT_TRUE(path_call(nr) || is_open_call(nr)) << name;
    }
  }
}

TEST(CallInstruction, IsRecognised) {
  const uint8_t direct[7] = {0x90, 0x90, 0xe8, 1, 2, 3, 4}, by_register[7] = {0, 0, 0, 0, 0, 0xff, 0xd0};
  const uint8_t by_memory[7] = {0, 0xff, 0x15, 1, 2, 3, 4}, none[7] = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90};
  EXPECT_TRUE(ends_in_call(direct));
  EXPECT_TRUE(ends_in_call(by_register));
  EXPECT_TRUE(ends_in_call(by_memory));
  EXPECT_FALSE(ends_in_call(none));
}

TEST(NativeMap, NamesMappingsOnTheStack) {
  // Of itself a process can read everything but its own registers at a call: a child waits instead.
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  usleep(20000);
  NativeMap map;
  ProcessMemory memory(child);
  lg_set found{};
  auto owner = [](std::string_view path, LibraryId* id) {
    *id = path.find("libc.so") != std::string_view::npos ? static_cast<LibraryId>(20) : static_cast<LibraryId>(21);
    return path.find("libc.so") != std::string_view::npos || path.find("unit_notify") != std::string_view::npos;
  };
  EXPECT_TRUE(map.scan(child, memory, owner, &found));
  EXPECT_TRUE(LibrarySet(found).has(static_cast<LibraryId>(20)));
  EXPECT_TRUE(LibrarySet(found).has(static_cast<LibraryId>(21)));
  EXPECT_FALSE(LibrarySet(found).has(LibraryId::kUnknown));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  lg_set gone{};
  map.outdated();
  EXPECT_FALSE(map.scan(child, memory, owner, &gone));
  EXPECT_TRUE(LibrarySet(gone).has(LibraryId::kUnknown));
}

TEST(Paths, KnowWhatIsProtected) {
  NotifyCounters counters;
  Paths paths({"/usr/lib/python3/", "/srv/app/code.py"}, {}, false, Shield(false), counters);
  EXPECT_TRUE(paths.is_protected("/usr/lib/python3/x/y.py", false));
  EXPECT_TRUE(paths.is_protected("/usr/lib/python3", false));
  EXPECT_FALSE(paths.is_protected("/usr/lib/python3.11/x", false));
  EXPECT_TRUE(paths.is_protected("/srv/app/code.py", false));
  EXPECT_FALSE(paths.is_protected("/srv/app", false));
  EXPECT_TRUE(paths.is_protected("/srv/app", true));
  EXPECT_TRUE(paths.is_protected("/usr", true));
}

TEST(Paths, LetDataBeWrittenInsideAProtectedDirectory) {
  NotifyCounters counters;
  Paths paths({"/srv/app", "/srv/app/data/venv/lib"}, {"/srv/app/data"}, false, Shield(false), counters);
  EXPECT_FALSE(paths.is_protected("/srv/app/data/app.db", false));
  EXPECT_FALSE(paths.is_protected("/srv/app/data/", false)) << "what is made in it";
  EXPECT_TRUE(paths.is_protected("/srv/app/data", false)) << "its own entry";
  EXPECT_TRUE(paths.is_protected("/srv/app/data2", false));
  EXPECT_TRUE(paths.is_protected("/srv/app/app.py", false));
  EXPECT_TRUE(paths.is_protected("/srv/app/data/venv/lib/x.py", false)) << "protected itself";
  EXPECT_TRUE(paths.is_protected("/srv/app/data/venv", true)) << "moved with what is protected in it";
  EXPECT_FALSE(paths.is_protected("/srv/app/data/venv", false));
}

class SeparationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char folder[] = "/tmp/libguard-separate-XXXXXX";
    root = std::filesystem::canonical(mkdtemp(folder)).string();
    for (const char* name : {"open", "env/lib/python3.11/site-packages/pkg", "env/bin", "env/lib/other"})
      std::filesystem::create_directories(root + "/" + name);
    std::ofstream(root + "/env/pyvenv.cfg") << "home = /usr/bin\n";
    std::ofstream(root + "/file") << "text";
    site = root + "/env/lib/python3.11/site-packages";
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  // All directories but `open` and what is in it.
  ClosedRule all_but(const std::string& open) {
    return [open](const std::string& directory) { return directory != open; };
  }
  bool allowed(const Separation& found, const std::string& path) {
    return std::find(found.allowed.begin(), found.allowed.end(), path) != found.allowed.end();
  }
  std::string root, site;
};

TEST_F(SeparationTest, AllowsEverythingAround) {
  Separation found = separate({site, site + "/pkg", site + "/pkg/missing"}, all_but(""));
  EXPECT_EQ(found.separated, (std::vector<std::string>{site, site + "/pkg", site + "/pkg/missing"}));
  EXPECT_TRUE(found.shared.empty() && found.open.empty());
  for (const std::string& path : {root + "/open", root + "/file", root + "/env/bin", root + "/env/lib/other"})
    EXPECT_TRUE(allowed(found, path)) << path;
  EXPECT_TRUE(allowed(found, "/dev"));
  EXPECT_FALSE(allowed(found, "/proc")) << "memory of processes is written there";
  for (const std::string& path : {site, root, root + "/env", std::string("/"), std::string("/tmp"), site + "/pkg"})
    EXPECT_FALSE(allowed(found, path)) << path;
}

TEST_F(SeparationTest, AFileInADirectoryThatIsClosedAnyway) {
  Separation found = separate({root + "/file", site}, all_but(""));
  EXPECT_EQ(found.separated, (std::vector<std::string>{site, root + "/file"}));
  EXPECT_FALSE(allowed(found, root + "/file"));
  found = separate({root + "/file"}, all_but(""));
  EXPECT_EQ(found.shared, std::vector<std::string>{root + "/file"}) << "no directory is closed for a file";
}

TEST_F(SeparationTest, AnOpenDirectoryAboveSharesAll) {
  Separation found = separate({site, site + "/pkg", root + "/file"}, all_but(root));
  EXPECT_EQ(found.shared, (std::vector<std::string>{site, site + "/pkg", root + "/file"}));
  EXPECT_TRUE(found.separated.empty() && found.closed.empty());
  EXPECT_EQ(std::count(found.open.begin(), found.open.end(), root), 1);
  EXPECT_EQ(std::count(found.open.begin(), found.open.end(), site), 0) << "it is protected itself";
  for (const std::string& path : {root + "/open", root + "/env/bin"}) EXPECT_TRUE(allowed(found, path)) << path;
  for (const std::string& path : {root, root + "/env", site, site + "/pkg", root + "/file"})
    EXPECT_FALSE(allowed(found, path)) << path;
  EXPECT_EQ(separate({site}, all_but(site)).separated, std::vector<std::string>{site});
}

TEST_F(SeparationTest, DataInAProtectedDirectoryUnlessCodeLiesThere) {
  const std::string data = site + "/pkg";
  Separation found = separate({site}, all_but(""), {data});
  EXPECT_TRUE(allowed(found, data));
  EXPECT_FALSE(allowed(found, site));
  EXPECT_TRUE(allowed(separate({site}, all_but(root), {data}), data)) << "below an open directory too";
  EXPECT_FALSE(allowed(separate({site, data + "/lib"}, all_but(""), {data}), data));
  EXPECT_FALSE(allowed(separate({site, data}, all_but(""), {data}), data));
}

TEST_F(SeparationTest, WhatTheShieldLetsWrite) {
  ASSERT_GE(landlock_version(), 2) << "this kernel has no Landlock";
  Shield shield(true, all_but(root));
  shield.protect({site, root + "/file"});
  const uint32_t first = Shield::layer(shield.generation());
  auto lets = [&](uint32_t layers, const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
    return shield.lets_write(layers, path, info);
  };
  EXPECT_TRUE(lets(first, root + "/open"));
  EXPECT_FALSE(lets(0, root + "/open")) << "it has not put it on";
  for (const std::string& path : {root, root + "/file", site, site + "/pkg", std::string("/proc/self")})
    EXPECT_FALSE(lets(first, path)) << path;
  std::filesystem::create_directories(root + "/open/later/below");
  EXPECT_TRUE(lets(first, root + "/open/later/below"));
  std::filesystem::rename(root + "/open", root + "/moved");
  std::filesystem::create_directories(root + "/open");
  EXPECT_FALSE(lets(first, root + "/open")) << "another directory of this name";
  EXPECT_FALSE(lets(first, root + "/moved"));
  shield.protect({site, root + "/env/lib/other"});
  const uint32_t second = Shield::layer(shield.generation());
  EXPECT_NE(first, second);
  EXPECT_FALSE(lets(first, root + "/env/bin")) << "what is protected now is not kept by this layer";
  EXPECT_TRUE(lets(first | second, root + "/env/bin"));
  EXPECT_FALSE(lets(first | second, root + "/file")) << "the first layer does not let it be written";
  EXPECT_TRUE(lets(second, root + "/file"));
}

TEST_F(SeparationTest, InsideAnEnvironmentIsClosed) {
  for (const std::string& path : {root + "/env", root + "/env/lib", root + "/env/lib/python3.11", std::string("/usr")})
    EXPECT_TRUE(is_closed_directory(path)) << path;
  EXPECT_FALSE(is_closed_directory(root + "/open"));
  EXPECT_FALSE(is_closed_directory(root));
  EXPECT_FALSE(is_closed_directory("/tmp"));
}

// Landlock alone, without a supervisor: errno of each try, in a child.
TEST_F(SeparationTest, TheRulesetHolds) {
  ASSERT_GE(landlock_version(), 2) << "this kernel has no Landlock";
  Shield shield(true, all_but(""));
  shield.protect({root + "/env"});
  ASSERT_GE(shield.ruleset(), 0) << shield.reason();
  EXPECT_EQ(shield.protections(), (std::vector<Protection>{{root + "/env", true}}));
  const uint32_t generation = shield.generation();
  shield.protect({root + "/env"});
  EXPECT_EQ(shield.generation(), generation) << "nothing new";
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_landlock_restrict_self, shield.ruleset(), 0) != 0) _exit(100);
    const std::string kept = root + "/env/pyvenv.cfg", free = root + "/open/free", moved = root + "/open/moved";
    int number = 0;
    auto expect = [&](bool good) {
      number++;
      if (!good) _exit(number);
    };
    expect(open(kept.c_str(), O_WRONLY) == -1 && errno == EACCES);
    expect(unlink(kept.c_str()) == -1 && errno == EACCES);
    expect(rename(kept.c_str(), moved.c_str()) == -1 && (errno == EACCES || errno == EXDEV));
    expect(link(kept.c_str(), moved.c_str()) == -1 && (errno == EACCES || errno == EXDEV));
    expect(truncate(kept.c_str(), 0) == -1 || landlock_version() < 3);
    expect(mkdir((root + "/env/new").c_str(), 0755) == -1 && errno == EACCES);
    expect(symlink("x", (root + "/env/new").c_str()) == -1 && errno == EACCES);
    expect(rename((root + "/env").c_str(), moved.c_str()) == -1);
    expect(open(kept.c_str(), O_RDONLY) >= 0);
    expect(open(free.c_str(), O_CREAT | O_WRONLY, 0644) >= 0);
    expect(rename(free.c_str(), moved.c_str()) == 0);
    expect(truncate((root + "/file").c_str(), 1) == 0);
    expect(open("/dev/null", O_WRONLY) >= 0);
    expect(open("/proc/self/comm", O_WRONLY) == -1 && errno == EACCES);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0) << "try " << WEXITSTATUS(status);
}

TEST_F(SeparationTest, AnotherRulesetIsNotTheShield) {
  ASSERT_GE(landlock_version(), 2) << "this kernel has no Landlock";
  Shield shield(true, all_but("")), other(true, all_but(""));
  shield.protect({site});
  other.protect({root + "/env"});
  const int same = dup(shield.ruleset());
  EXPECT_TRUE(shield.is_ruleset(getpid(), same));
  EXPECT_FALSE(shield.is_ruleset(getpid(), other.ruleset()));
  EXPECT_FALSE(shield.is_ruleset(getpid(), -1));
  close(same);
}

TEST_F(SeparationTest, NoShieldWhereItIsNotWanted) {
  Shield shield(false, all_but(""));
  shield.protect({root + "/env"});
  EXPECT_EQ(shield.ruleset(), -1);
  EXPECT_FALSE(shield.reason().empty());
  EXPECT_EQ(shield.protections(), (std::vector<Protection>{{root + "/env", false}}));
}

TEST(Defence, OnlyItsOwnSupervisorMayBeNamedAsReader) {
  Defence defence;
  Process process;
  process.pid = process.own_pid = getppid();
  Thread thread;
  thread.process = &process;
  seccomp_data call{};
  call.nr = SYS_prctl;
  call.args[0] = PR_SET_PTRACER;
  call.args[1] = static_cast<uint64_t>(getpid());
  EXPECT_TRUE(defence.admits_us(thread, call));
  for (uint64_t other : {uint64_t{1}, static_cast<uint64_t>(getppid()), uint64_t{0}, ~uint64_t{0}}) {
    call.args[1] = other;
    EXPECT_FALSE(defence.admits_us(thread, call)) << other;
  }
  call.args[1] = static_cast<uint64_t>(getpid());
  process.own_pid = 1;
  EXPECT_FALSE(defence.admits_us(thread, call)) << "in a namespace the number means somebody else";
  process.own_pid = process.pid;
  call.args[0] = PR_SET_DUMPABLE;
  EXPECT_FALSE(defence.admits_us(thread, call));
}

TEST(Paths, SplitLast) {
  std::string parent, name;
  split_last("a/b/c", &parent, &name);
  EXPECT_EQ(parent + "|" + name, "a/b/|c");
  split_last("c", &parent, &name);
  EXPECT_EQ(parent + "|" + name, ".|c");
  split_last("/c", &parent, &name);
  EXPECT_EQ(parent + "|" + name, "/|c");
  split_last("a/c/", &parent, &name);
  EXPECT_EQ(parent + "|" + name, "a/|c/");
}

TEST(Spawn, PutsTheClientFirst) {
  EXPECT_EQ(with_client({"A=1"}, "/lib/c.so"), (std::vector<std::string>{"A=1", "LD_PRELOAD=/lib/c.so"}));
  EXPECT_EQ(with_client({"LD_PRELOAD=/x.so"}, "/c.so"), (std::vector<std::string>{"LD_PRELOAD=/c.so:/x.so"}));
  EXPECT_EQ(with_client({"A=1"}, ""), (std::vector<std::string>{"A=1"}));
}

class QuietHandler : public Handler {
 public:
  Decision decide(const Call&) override { return {}; }
  ProgramInfo on_program(const ProgramBirth&) override { return {programs++, static_cast<LibraryId>(10)}; }
  void on_hello(uint32_t, const lg_hello&, std::string_view) override {}
  uint64_t resolve(uint32_t, uint32_t, std::string_view, FileIdentity) override { return 0; }
  std::string module_name(uint32_t) override { return {}; }
  bool native_owner(std::string_view, LibraryId*) override { return false; }
  void on_exit(pid_t) override { exits++; }
  void on_phase(pid_t, uint32_t) override {}
  uint32_t programs = 0, exits = 0;
};

// A waiting child stands for a blocked caller.
class TasksTest : public ::testing::Test {
 protected:
  void SetUp() override { child = make_child(); }
  void TearDown() override {
    for (pid_t pid : children) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }
  pid_t make_child() {
    pid_t pid = fork();
    if (pid == 0) {
      pause();
      _exit(0);
    }
    children.push_back(pid);
    usleep(20000);  // until it has registered its robust list and waits
    return pid;
  }
  std::vector<pid_t> children;
  QuietHandler handler;
  NotifyCounters counters;
  Tasks tasks{handler, counters, nullptr, nullptr};
  pid_t child = 0;
};

TEST_F(TasksTest, AReusedNumberIsAnotherTask) {
  ASSERT_TRUE(tasks.adopt_running(child));
  Thread* thread = tasks.find(child);
  ASSERT_NE(thread, nullptr);
  thread->inherited.add(static_cast<LibraryId>(33));
  EXPECT_FALSE(tasks.on_robust_list(child, 0x1000)) << "a living thread has one already";
  thread->met_at = read_start_time(child) - 1;  // as if the number had been another thread's
  EXPECT_TRUE(tasks.on_robust_list(child, 0x1000));
  thread = tasks.find(child);
  ASSERT_NE(thread, nullptr);
  EXPECT_FALSE(thread->inherited.has(static_cast<LibraryId>(33)));
  EXPECT_TRUE(thread->inherited.has(LibraryId::kUnknown)) << "nobody is known to have made it";
}

TEST_F(TasksTest, AnExecThatDidNotHappenChangesNothing) {
  ASSERT_TRUE(tasks.adopt_running(child));
  Thread* thread = tasks.find(child);
  LibrarySet spawners;
  spawners.add(static_cast<LibraryId>(40));
  tasks.on_exec(*thread, spawners, 0);
  EXPECT_EQ(tasks.settle_exec(*thread), thread);
  EXPECT_TRUE(thread->process->execs.empty());
  EXPECT_TRUE(thread->process->program->spawners.empty());
  EXPECT_EQ(handler.programs, 1u);
}

TEST_F(TasksTest, AnUnknownProcessIsUnknown) {
  ASSERT_TRUE(tasks.adopt_running(child));
  pid_t stranger = make_child();
  ASSERT_NE(tasks.meet(stranger), nullptr);
  // It has the same image (both are our forks) but nobody noted its birth.
  EXPECT_TRUE(tasks.find(stranger)->inherited.has(LibraryId::kUnknown));
  EXPECT_EQ(counters.unknown_makers, 1u);
}

TEST_F(TasksTest, ExitFreesAndALateExitOfAnotherDoesNot) {
  ASSERT_TRUE(tasks.adopt_running(child));
  tasks.on_exit(child);  // still alive: the event was of an earlier process of this number
  EXPECT_EQ(tasks.processes(), 1u);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  tasks.on_exit(child);
  EXPECT_EQ(tasks.processes(), 0u);
  EXPECT_EQ(tasks.threads(), 0u);
  EXPECT_EQ(handler.exits, 1u);
}

}  // namespace
}  // namespace libguard
