// SPDX-License-Identifier: Apache-2.0
// A guard without policy: records what the notify backend tells, decides by a function, runs guests.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/backend/notify/notify_backend.h"
#include "core/backend/notify/spawn.h"
#include "core/rights/seccomp_filter.h"

namespace libguard {

class FakeGuard : public Handler {
 public:
  struct Seen {
    pid_t pid, tid;
    uint32_t program;
    std::string right;
    lg_subject subject;
    std::vector<Frame> frames;
  };
  std::function<Decision(const Call&)> rule;
  bool keep = true;  // keep what was seen
  std::vector<Seen> seen;
  std::vector<ProgramBirth> programs;
  std::vector<std::string> tampers, tampered_paths;
  std::vector<pid_t> exits;
  int ticks = 0, hellos = 0;
  std::vector<std::string> protected_files;
  uint64_t decided = 0;

  Decision decide(const Call& call) override {
    decided++;
    if (keep)
      seen.push_back({call.pid, call.tid, call.program, right_name(call.right), *call.subject, call.reader->frames()});
    return rule ? rule(call) : Decision{};
  }
  // Library of an executable: 10 for the first name met, 11 for the second, …
  LibraryId library_of(const std::string& executable) {
    auto at = std::find(executables.begin(), executables.end(), executable);
    if (at == executables.end()) at = executables.insert(at, executable);
    return static_cast<LibraryId>(10 + (at - executables.begin()));
  }
  ProgramInfo on_program(const ProgramBirth& birth) override {
    programs.push_back(birth);
    LibraryId library = birth.foreign_environment ? LibraryId::kUnknown : library_of(birth.executable);
    return {static_cast<uint32_t>(programs.size() - 1), library};
  }
  void on_hello(uint32_t, const lg_hello&, std::string_view) override { hellos++; }
  std::vector<std::string> protected_paths() override { return protected_files; }
  uint64_t resolve(uint32_t, uint32_t, std::string_view, FileIdentity) override {
    return LG_RESOLVED(LG_RUNTIME, 0, 1, 0);
  }
  std::string module_name(uint32_t) override { return {}; }
  bool native_owner(std::string_view, LibraryId*) override { return false; }
  void on_exit(pid_t pid) override { exits.push_back(pid); }
  void on_phase(pid_t, uint32_t) override {}
  void on_tamper(const Tamper& tamper) override {
    tampers.emplace_back(tamper.what);
    tampered_paths.emplace_back(tamper.path);
  }
  void on_tick() override { ticks++; }

  std::vector<std::string> executables;
};

class NotifyTest : public ::testing::Test {
 protected:
  FakeGuard guard;
  BackendOptions options;
  std::unique_ptr<lg_matrix> matrix = std::make_unique<lg_matrix>();
  std::unique_ptr<NotifyBackend> backend;
  std::vector<Outcome> outcomes;
  Counters counters;
  size_t threads_left = 0, processes_left = 0;
  int status = 0, exec_error = 0;

  void SetUp() override {
    std::fflush(nullptr);
    options.observe_everything = true;
    outcomes.assign(LG_MAX_RIGHTS, Outcome::kNotify);
    for (Right right : all_rights())
      if (group_of(right) == LG_GROUP_BASE || group_of(right) == LG_GROUP_IO) outcomes[number(right)] = Outcome::kAllow;
  }

  // Runs the command under the backend until nothing is guarded any more; its exit status as a shell gives it.
  int run(std::vector<std::string> command) {
    options.matrix = matrix.get();
    options.outcomes = outcomes;
    backend = std::make_unique<NotifyBackend>(options, guard);
    force_notify(outcomes, options.emulate_opens || !guard.protected_files.empty());
    auto filter = make_filter({outcomes, EPERM});
    if (!filter) return ADD_FAILURE() << filter.error().what, -1;
    SpawnOptions spawn;
    spawn.arguments = std::move(command);
    for (char** entry = environ; *entry; entry++) spawn.environment.emplace_back(*entry);
    spawn.filter = *filter;
    spawn.ruleset = backend->ruleset();
    auto child = spawn_guarded(spawn);
    if (!child) return ADD_FAILURE() << child.error().what << "; " << child.error().hint, -1;
    Status started = backend->start_door(child->take_listener(), child->pid(), child->shielded());
    if (!started) return ADD_FAILURE() << started.error().what, -1;
    child->go();
    backend->serve();
    EXPECT_TRUE(backend->child_ended());
    status = backend->child_status();
    exec_error = child->exec_error();
    counters = backend->counters();
    threads_left = backend->threads();
    processes_left = backend->processes();
    backend.reset();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int guest(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), NOTIFY_GUEST);
    return run(std::move(arguments));
  }
  void expect_known_makers() {
#ifdef __SANITIZE_THREAD__
    // ThreadSanitizer makes a thread of its own in our child, between fork and exec: of nobody that the guard knows.
    EXPECT_LE(counters["unknown_makers"], 1u);
#else
    EXPECT_EQ(counters["unknown_makers"], 0u);
#endif
  }
  bool in(const lg_set& set, const std::string& executable) {
    return LibrarySet(set).has(guard.library_of(executable));
  }
};

}  // namespace libguard
