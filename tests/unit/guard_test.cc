// SPDX-License-Identifier: Apache-2.0
// Matrix, recorder, deviations and start lines without a kernel: a guard fed with made-up calls.
#include "libguard/guard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>

#include "core/matrix.h"
#include "core/policy/accept.h"
#include "core/policy/explain.h"
#include "core/recorder.h"

namespace libguard {
namespace {

class FixedFrames : public FrameReader {
 public:
  explicit FixedFrames(std::vector<Frame> frames) : frames_(std::move(frames)) {}
  std::vector<Frame> frames() override {
    reads++;
    return frames_;
  }
  int reads = 0;

 private:
  std::vector<Frame> frames_;
};

lg_subject subject_of(std::initializer_list<LibraryId> inside_out) {
  lg_subject subject{};
  LibrarySet active;
  subject.stack.caller = LG_RUNTIME;
  subject.stack.direct = inside_out.size() ? number(*inside_out.begin()) : uint16_t{LG_RUNTIME};
  for (LibraryId id : inside_out) {
    active.add(id);
    if (subject.stack.caller == LG_RUNTIME && id != LibraryId::kRuntime) subject.stack.caller = number(id);
  }
  subject.stack.active = active;
  return subject;
}

Rules rules_from(const std::string& yaml) {
  auto policy = parse_policy(yaml, "test.yaml");
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().what);
  auto rules = Rules::compile(*policy, nullptr);
  EXPECT_TRUE(rules) << (rules ? "" : rules.error().what);
  return *rules;
}

TEST(Matrix, NewLibrariesHoldDefaultsOnly) {
  Rules rules = rules_from("version: 1\nmode: enforce\nlibraries:\n  pkg:pypi/a: { grant: [\"@exec\"] }\n");
  Matrix matrix(&rules, {"pkg:pypi/a"});
  uint16_t execve = number(*find_right("execve")), read_file = number(*find_right("openat:read"));
  LibraryId a{4}, stranger{5};
  matrix.add(a, "pkg:pypi/a@1.0");
  auto denied = [&](LibraryId id, uint16_t right) {
    return LibrarySet(matrix.get()->deny[LG_INIT][LG_ROLE_CALLER][right]).has(id);
  };
  EXPECT_FALSE(denied(a, execve));
  EXPECT_TRUE(denied(stranger, execve)) << "a number that no library has yet holds nothing dangerous";
  EXPECT_FALSE(denied(stranger, read_file));
}

TEST(Matrix, WhatAListedLibraryLacksIsJudgedFromTheStart) {
  Rules rules = rules_from("version: 1\nmode: enforce\nlibraries:\n  pkg:maven/g/a: { deny: [\"@file-read\"] }\n");
  Matrix matrix(&rules, {"pkg:maven/g/a"});
  matrix.add(LibraryId::kApplication, kApplicationName);
  uint16_t right = number(*find_right("openat:read"));
  EXPECT_TRUE(matrix.get()->judged[LG_INIT][right / 64] >> (right % 64) & 1);
}

TEST(Recorder, CountsRepeatsWithoutReadingTheStackAgain) {
  LibraryTable table;
  LibraryId a = table.intern("pkg:pypi/a@1");
  Recorder recorder(table);
  lg_subject subject = subject_of({a, LibraryId::kApplication});
  FixedFrames frames({{a, 7, "a.run"}, {LibraryId::kApplication, 8, "app.main"}});
  Call call{1, 1, 0, *find_right("execve"), 59, {}, &subject, &frames};
  for (int i = 0; i < 5; i++) recorder.observe(call, "/usr/bin/python3");
  Profile profile = recorder.profile();
  ASSERT_EQ(profile.observations.size(), 1u);
  EXPECT_EQ(profile.observations[0].count, 5u);
  EXPECT_EQ(profile.observations[0].caller, "pkg:pypi/a@1");
  EXPECT_EQ(frames.reads, 1);
  EXPECT_EQ(recorder.progress().libraries, 2u);
}

class GuardTest : public ::testing::Test {
 protected:
  std::unique_ptr<Guard> make(const std::string& yaml, Mode mode, const std::string& events = "") {
    GuardOptions options;
    auto policy = parse_policy(yaml, "test.yaml");
    EXPECT_TRUE(policy) << (policy ? "" : policy.error().what);
    options.policy = *policy;
    options.mode = mode;
    options.events_path = events;
    options.on_event = [this](const Event& event) { events_.push_back(event); };
    auto guard = Guard::create(std::move(options));
    EXPECT_TRUE(guard) << (guard ? "" : guard.error().what);
    return std::move(*guard);
  }
  std::vector<Event> events_;
};

TEST_F(GuardTest, WhitelistHoldsForTheRuntimeAndIsNotifiedFromTheStart) {
  auto guard = make("version: 1\nmode: enforce\nphases: { serving: { calls: [read] } }\nactions: { \"@io\": kill }\n",
                    Mode::kEnforce);
  const Right write = *find_right("write"), read = *find_right("read");
  EXPECT_EQ(guard->outcomes()[number(write)], Outcome::kNotify);
  EXPECT_EQ(guard->outcomes()[number(read)], Outcome::kAllow);
  lg_subject subject = subject_of({LibraryId::kRuntime});
  FixedFrames frames({{LibraryId::kRuntime, 0, "io.write"}});
  Call call{1, 1, 0, write, 1, {}, &subject, &frames};
  EXPECT_EQ(guard->decide(call).kind, Decision::kAllow);
  subject.phase = LG_SERVING;
  EXPECT_EQ(guard->decide(call).kind, Decision::kKill);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].role, "process");
  EXPECT_EQ(events_[0].action, "kill");
}

TEST(GuardThatRecords, HasNoRingsWhichNobodyCouldSeeInto) {
  GuardOptions options;
  options.record = true;
  auto guard = Guard::create(std::move(options));
  ASSERT_TRUE(guard) << guard.error().what;
  lg_subject subject = subject_of({LibraryId::kApplication});
  FixedFrames frames({{LibraryId::kApplication, 8, "app.main"}});
  Call call{1, 1, 0, *find_right("io_uring_setup"), 425, {}, &subject, &frames};
  ProgramBirth birth{};
  birth.executable = birth.invoked_as = "/usr/bin/python3";
  birth.parent_program = kNoProgram;
  call.program = (*guard)->on_program(birth).program;
  const Decision decision = (*guard)->decide(call);
  EXPECT_EQ(decision.kind, Decision::kRefuse);
  EXPECT_EQ(decision.error, ENOSYS);
  const Guard::Summary summary = (*guard)->finish({});
  ASSERT_TRUE(summary.profile);
  EXPECT_TRUE(summary.profile->observations.empty()) << "no policy shall grant a ring";
}

TEST_F(GuardTest, RefusesAndNamesTheCulprit) {
  auto guard = make("version: 1\nmode: enforce\n", Mode::kEnforce);
  lg_subject subject = subject_of({LibraryId::kUnknown, LibraryId::kApplication});
  FixedFrames frames({{LibraryId::kUnknown, 0, ""}, {LibraryId::kApplication, 8, "app.main"}});
  Call call{1, 1, 0, *find_right("execve"), 59, {}, &subject, &frames};
  Decision decision = guard->decide(call);
  EXPECT_EQ(decision.kind, Decision::kRefuse);
  EXPECT_EQ(decision.error, EPERM);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].right_name, "execve");
  EXPECT_EQ(events_[0].caller, "unknown");
  EXPECT_EQ(events_[0].action, "deny");
  guard->decide(call);
  EXPECT_EQ(events_.size(), 1u) << "a repeat is counted, not told again";
  EXPECT_EQ(guard->finish({}).deviations, 2u);
}

TEST_F(GuardTest, DetectLogsAndLetsPass) {
  auto guard = make("version: 1\nmode: enforce\n", Mode::kDetect);
  lg_subject subject = subject_of({LibraryId::kUnknown});
  FixedFrames frames({{LibraryId::kUnknown, 0, ""}});
  Call call{1, 1, 0, *find_right("execve"), 59, {}, &subject, &frames};
  EXPECT_EQ(guard->decide(call).kind, Decision::kAllow);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].action, "log");
}

TEST_F(GuardTest, LossesReachTheEventFileAndTheSummary) {
  std::string path = ::testing::TempDir() + "guard_events-" + std::to_string(getpid()) + ".jsonl";
  auto guard = make("version: 1\nmode: enforce\n", Mode::kEnforce, path);
  Guard::Summary summary = guard->finish({{"faults", 3}, {"truncated", 0}});
  EXPECT_EQ(summary.losses, (Counters{{"faults", 3}}));
  std::ifstream file(path);
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_NE(line.find("faults: 3"), std::string::npos);
  std::remove(path.c_str());
}

TEST_F(GuardTest, UnwritableEventFileIsAnErrorAtStart) {
  GuardOptions options;
  options.events_path = "/nonexistent/events.jsonl";
  auto guard = Guard::create(std::move(options));
  ASSERT_FALSE(guard);
  EXPECT_FALSE(guard.error().hint.empty());
}

TEST_F(GuardTest, TamperingNamesWhoCalledAndIsNeverGranted) {
  const std::string yaml = "version: 1\nmode: enforce\nlibraries:\n  application: { grant: [\"@exec\"] }\n";
  auto guard = make(yaml, Mode::kEnforce);
  lg_subject subject = subject_of({LibraryId::kRuntime, LibraryId::kApplication});
  FixedFrames frames({{LibraryId::kRuntime, 0, "os.kill"}, {LibraryId::kApplication, 8, "app.main"}});
  Tamper tamper{1, 1, 0, *find_right("kill"), 62, &subject, &frames, "signal to the supervisor", ""};
  guard->on_tamper(tamper);
  guard->on_tamper(tamper);
  ASSERT_EQ(events_.size(), 1u);
  const Event& event = events_[0];
  EXPECT_EQ(event.caller, kApplicationName);
  EXPECT_EQ(event.culprits, (std::vector<Culprit>{{std::string(kApplicationName), "tamper"}}));
  EXPECT_EQ(event.stack.size(), 2u);
  EXPECT_EQ(event.right_group, "@process");
  EXPECT_TRUE(event.grant.empty());
  EXPECT_NE(explain_event(event).find("get around the guard: signal to the supervisor"), std::string::npos);
  Acceptance accepted = accept_events(rules_from(yaml), {event});
  EXPECT_TRUE(accepted.changes.empty());
  EXPECT_EQ(accepted.refusals.size(), 1u);
  auto read = parse_event(to_json_line(event));
  EXPECT_TRUE(read) << (read ? "" : read.error().what);
}

TEST_F(GuardTest, TamperingOfTheRuntimeNamesWhomItActsFor) {
  auto guard = make("version: 1\nmode: enforce\n", Mode::kEnforce);
  lg_subject subject = subject_of({LibraryId::kRuntime});
  LibrarySet makers;
  makers.add(LibraryId::kUnknown);
  subject.inherited = makers;
  FixedFrames frames({{LibraryId::kRuntime, 0, "threading.Thread.run"}});
  guard->on_tamper({1, 1, 0, *find_right("ptrace"), 101, &subject, &frames, "call aimed at the supervisor", ""});
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].caller, kRuntimeName);
  EXPECT_EQ(events_[0].library_purl, kUnknownName);
}

TEST_F(GuardTest, SaysFromWhomARightIsTaken) {
  auto guard =
      make("version: 1\nlibraries:\n  pkg:pypi/a: { grant: [] }\n  pkg:pypi/b: { deny: { init: [exit_group] } }\n",
           Mode::kEnforce);
  EXPECT_EQ(guard->denied_to(*find_right("exit_group")), "pkg:pypi/b");
  EXPECT_FALSE(guard->denied_to(*find_right("execve"))) << "not granted is not denied: nothing was promised";
}

TEST_F(GuardTest, EnforceWithoutAPolicyIsRefused) {
  GuardOptions options;
  options.mode = Mode::kEnforce;
  EXPECT_FALSE(Guard::create(std::move(options)));
}

}  // namespace
}  // namespace libguard
