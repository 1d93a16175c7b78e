// SPDX-License-Identifier: Apache-2.0
// Rules: who holds what, and that a policy made of a profile allows all of that profile.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/policy/accept.h"
#include "core/policy/grants.h"
#include "core/policy/judge.h"
#include "core/policy/policy.h"
#include "tests/unit/random_profile.h"

namespace libguard {
namespace {

Right right(const char* name) {
  auto found = find_right(name);
  EXPECT_TRUE(found) << name;
  return *found;
}

Rules compiled(const std::string& text, const Profile* profile = nullptr) {
  auto policy = parse_policy("version: 1\n" + text, "p.yaml");
  EXPECT_TRUE(policy) << policy.error().what;
  return *Rules::compile(*policy, profile);
}

bool holds(const Rules& rules, const char* purl, const char* name, Role role = Role::kStack,
           Phase phase = Phase::kInit) {
  return rules.holds(purl, phase, role, right(name));
}

TEST(Rules, FixedNames) {
  Rules rules = compiled("libraries: {}");
  for (const char* name : {"unknown", "startup"}) {
    for (Role role : kEveryRole) {
      EXPECT_TRUE(holds(rules, name, "read", role)) << name;
      EXPECT_TRUE(holds(rules, name, "mmap:exec-file", role));
      EXPECT_TRUE(holds(rules, name, "openat:read", role));
      EXPECT_FALSE(holds(rules, name, "openat:write", role));
      EXPECT_FALSE(holds(rules, name, "execve", role));
    }
  }
  EXPECT_TRUE(holds(rules, "runtime", "execve", Role::kStack));
  EXPECT_TRUE(holds(rules, "runtime", "execve", Role::kSpawned));
  EXPECT_FALSE(holds(rules, "runtime", "execve", Role::kCaller));
  EXPECT_TRUE(holds(rules, "runtime", "openat:read", Role::kCaller));
  EXPECT_FALSE(holds(rules, "runtime", "openat:write", Role::kCaller));
  EXPECT_TRUE(holds(rules, "application", "openat:write"));
  EXPECT_TRUE(holds(rules, "application", "bind"));
  EXPECT_FALSE(holds(rules, "application", "execve", Role::kCaller));
  EXPECT_TRUE(holds(rules, "pkg:pypi/never-heard-of", "openat:read"));
  EXPECT_FALSE(holds(rules, "pkg:pypi/never-heard-of", "openat:write"));
}

TEST(Rules, StrictRead) {
  Rules rules = compiled("strict-read: true");
  EXPECT_FALSE(holds(rules, "pkg:pypi/x", "openat:read"));
  EXPECT_FALSE(holds(rules, "unknown", "openat:read"));
  for (const char* name : {"application", "startup", "runtime"}) EXPECT_TRUE(holds(rules, name, "openat:read")) << name;
  EXPECT_TRUE(holds(compiled("strict-read: true\nlibraries: { pkg:pypi/x: { grant: [\"@file-read\"] } }"), "pkg:pypi/x",
                    "openat:read"));
}

TEST(Rules, DefaultsCannotTakeTheBasics) {
  Rules rules = compiled("defaults: []");
  EXPECT_TRUE(holds(rules, "pkg:pypi/x", "read"));
  EXPECT_FALSE(holds(rules, "pkg:pypi/x", "openat:read"));
}

TEST(Rules, ExactVersionWinsAndDenialsAddUp) {
  Rules rules = compiled(R"(libraries:
  pkg:pypi/x: { grant: ["@net-out", "@exec"], deny: [connect] }
  pkg:pypi/x@2: { grant: ["@net-out"] }
)");
  EXPECT_TRUE(holds(rules, "pkg:pypi/x@1", "execve"));
  EXPECT_FALSE(holds(rules, "pkg:pypi/x@2", "execve"));
  EXPECT_TRUE(holds(rules, "pkg:pypi/x@2", "socket:inet"));
  EXPECT_FALSE(holds(rules, "pkg:pypi/x@1", "connect"));
  EXPECT_FALSE(holds(rules, "pkg:pypi/x@2", "connect"));
}

TEST(Rules, DenialInInitTakesServingToo) {
  Rules rules = compiled("libraries: { pkg:pypi/x: { grant: [\"@exec\"], deny: { init: [\"@exec\"] } } }");
  EXPECT_FALSE(holds(rules, "pkg:pypi/x", "execve", Role::kCaller, Phase::kServing));
}

Profile seen(const char* caller, const char* name, Phase phase) {
  Profile profile;
  Observation one;
  one.caller = caller;
  one.direct = "runtime subprocess.Popen";
  one.libraries = {caller};
  one.right = right(name);
  one.phase = phase;
  profile.observations = {one};
  profile.derive();
  return profile;
}

TEST(Rules, WithoutGrantTheProfileSpeaks) {
  Profile profile = seen("pkg:pypi/x@1", "execve", Phase::kInit);
  Rules rules = compiled("libraries: { pkg:pypi/y: { grant: [] } }", &profile);
  for (const char* name : {"pkg:pypi/x@1", "pkg:pypi/x@7", "pkg:pypi/x"}) {
    EXPECT_TRUE(holds(rules, name, "execve", Role::kCaller)) << name;
    EXPECT_FALSE(holds(rules, name, "execveat", Role::kCaller)) << name;
  }
  EXPECT_FALSE(holds(compiled("libraries: { pkg:pypi/x: { grant: [] } }", &profile), "pkg:pypi/x@1", "execve"));
  EXPECT_FALSE(holds(compiled("libraries: { pkg:pypi/x: { deny: [\"@exec\"] } }", &profile), "pkg:pypi/x@1", "execve"));
}

TEST(Rules, PhasesOfAProfile) {
  Profile init = seen("pkg:pypi/x@1", "execve", Phase::kInit),
          serving = seen("pkg:pypi/y@1", "connect", Phase::kServing);
  Profile writing = seen("pkg:pypi/z@1", "openat:write", Phase::kInit);
  // The recording never came to serving: nothing can be said about it.
  EXPECT_TRUE(holds(compiled("", &init), "pkg:pypi/x", "execve", Role::kCaller, Phase::kServing));
  Profile all = merge(merge(init, serving), writing);
  Rules rules = compiled("", &all);
  EXPECT_TRUE(holds(rules, "pkg:pypi/x", "execve", Role::kCaller, Phase::kInit));
  EXPECT_FALSE(holds(rules, "pkg:pypi/x", "execve", Role::kCaller, Phase::kServing));
  EXPECT_TRUE(holds(rules, "pkg:pypi/y", "connect", Role::kCaller, Phase::kInit));
  EXPECT_TRUE(holds(rules, "pkg:pypi/z", "openat:write", Role::kStack, Phase::kServing));
}

TEST(Rules, FunctionsOfGrantAndProfile) {
  Profile profile = seen("pkg:pypi/x@1", "execve", Phase::kInit);
  profile.observations[0].direct = "pkg:pypi/x@1 x.run";
  profile.observations[0].direct_function = "x.run";
  profile.derive();
  Rules learned = compiled("", &profile);
  EXPECT_TRUE(learned.knows_function("pkg:pypi/x@1", LG_GROUP_EXEC, "x.run"));
  EXPECT_TRUE(learned.knows_function("pkg:pypi/x@3", LG_GROUP_EXEC, "x.run"));
  EXPECT_FALSE(learned.knows_function("pkg:pypi/x@1", LG_GROUP_EXEC, "x.other"));
  EXPECT_FALSE(learned.knows_function("pkg:pypi/x@1", LG_GROUP_PROCESS, "x.run"));
  Rules granted = compiled("libraries: { pkg:pypi/x: { grant: [\"@exec\"] } }", &profile);
  EXPECT_FALSE(granted.knows_function("pkg:pypi/x@1", LG_GROUP_EXEC, "x.run"));
  EXPECT_FALSE(learned.functions(LG_GROUP_EXEC).empty());
}

class NewPolicy : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/libguard-new-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = std::string(name) + "/";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string made(const Profile& profile, bool exact = false) {
    std::string path = directory_ + "p.json";
    EXPECT_TRUE(save_profile(profile, path));
    NewPolicyOptions options;
    options.exact = exact;
    auto text = new_policy(profile, path, options);
    EXPECT_TRUE(text) << text.error().what;
    return *text;
  }

  Rules rules_of(const std::string& text, const Profile* profile) {
    auto policy = parse_policy(text, "p.yaml");
    EXPECT_TRUE(policy) << policy.error().what << "\n" << text;
    return *Rules::compile(*policy, profile);
  }

  std::string directory_;
};

// The heart: learn, make a policy, judge what was learned; nothing is refused that any grant can allow.
TEST_F(NewPolicy, AllowsEveryObservationOfItsProfile) {
  for (unsigned seed = 0; seed < 60; seed++) {
    Profile profile = RandomProfile(seed).make(60, true);
    for (bool exact : {false, true}) {
      std::string text = made(profile, exact);
      Rules rules = rules_of(text, &profile);
      for (const Observation& one : profile.observations) {
        Judged judged = judge(rules, one);
        ASSERT_TRUE(judged.allowed) << seed << " " << right_name(one.right) << " " << judged.culprits[0].purl << " "
                                    << judged.culprits[0].role << "\n"
                                    << text;
      }
    }
  }
}

// Without hand edits the policy stands alone: every grant is in it.
TEST_F(NewPolicy, NeedsNoProfileOnceWritten) {
  Profile profile = RandomProfile(77).make(80, true);
  std::string text = made(profile);
  Rules with = rules_of(text, &profile), without = rules_of(text, nullptr);
  for (const auto& [library, unused] : profile.libraries)
    for (Phase phase : kEveryPhase)
      for (const Observation& one : profile.observations)
        for (Role role : {Role::kStack, Role::kCaller})
          EXPECT_TRUE(!is_dangerous(group_of(one.right)) ||
                      with.holds(library, phase, role, one.right) == without.holds(library, phase, role, one.right));
}

TEST_F(NewPolicy, RefusesWhatNobodyMayLearn) {
  Profile profile = seen("unknown", "execve", Phase::kInit);
  Rules rules = rules_of(made(profile), &profile);
  Judged judged = judge(rules, profile.observations[0]);
  ASSERT_FALSE(judged.allowed);
  EXPECT_EQ(judged.culprits[0], (Culprit{"unknown", "caller"}));
  Profile orphan = seen("runtime", "execve", Phase::kInit);
  EXPECT_FALSE(judge(rules_of(made(orphan), &orphan), orphan.observations[0]).allowed);
}

TEST_F(NewPolicy, KeepsRolesApart) {
  Profile profile = seen("pkg:pypi/caller@1", "connect", Phase::kInit);
  profile.observations[0].libraries.push_back("pkg:pypi/above@1");
  profile.observations[0].spawners.push_back("pkg:pypi/maker@1");
  profile.derive();
  Rules rules = rules_of(made(profile), &profile);
  EXPECT_TRUE(holds(rules, "pkg:pypi/caller", "connect", Role::kCaller));
  EXPECT_TRUE(holds(rules, "pkg:pypi/above", "connect", Role::kStack));
  EXPECT_FALSE(holds(rules, "pkg:pypi/above", "connect", Role::kCaller));
  EXPECT_TRUE(holds(rules, "pkg:pypi/maker", "connect", Role::kSpawned));
  EXPECT_FALSE(holds(rules, "pkg:pypi/maker", "connect", Role::kStack));
}

// Being on the stack of a theft is not judged, so it is not granted either.
TEST_F(NewPolicy, GrantsTheftToCallersOnly) {
  Profile profile = seen("pkg:pypi/caller@1", "py:sys._getframe", Phase::kInit);
  profile.observations[0].libraries.push_back("pkg:pypi/above@1");
  profile.derive();
  std::string text = made(profile);
  Rules rules = rules_of(text, &profile);
  EXPECT_TRUE(judge(rules, profile.observations[0]).allowed);
  EXPECT_TRUE(holds(rules, "pkg:pypi/caller", "py:gc.get_objects", Role::kCaller));
  EXPECT_FALSE(holds(rules, "pkg:pypi/above", "py:sys._getframe", Role::kStack));
  EXPECT_EQ(text.find("as stack"), std::string::npos) << text;
}

TEST_F(NewPolicy, GrantsByGroupOrByExactRight) {
  Profile profile = merge(seen("pkg:pypi/x@1", "connect", Phase::kInit), seen("pkg:pypi/x@1", "ptrace", Phase::kInit));
  profile = merge(profile, seen("pkg:pypi/x@1", "openat:write", Phase::kInit));
  Rules rules = rules_of(made(profile), &profile), exact = rules_of(made(profile, true), &profile);
  EXPECT_TRUE(holds(rules, "pkg:pypi/x", "socket:inet", Role::kCaller));
  EXPECT_FALSE(holds(exact, "pkg:pypi/x", "socket:inet", Role::kCaller));
  EXPECT_TRUE(holds(rules, "pkg:pypi/x", "rename"));
  EXPECT_FALSE(holds(exact, "pkg:pypi/x", "rename"));
  EXPECT_TRUE(holds(rules, "pkg:pypi/x", "ptrace", Role::kCaller));
  EXPECT_FALSE(holds(rules, "pkg:pypi/x", "process_vm_readv", Role::kCaller));  // @inspect goes by exact right
}

TEST_F(NewPolicy, SaysWhoNeededWhatIsDangerous) {
  Profile profile = seen("pkg:pypi/deploytool@1.2", "execve", Phase::kInit);
  profile.observations[0].stack = {"runtime|subprocess.Popen.__init__", "pkg:pypi/deploytool@1.2|deploytool.ship.run",
                                   "application|app.main"};
  Observation plain = profile.observations[0];
  plain.caller = "pkg:pypi/quiet@1";
  plain.libraries = {plain.caller};
  plain.right = right("read");
  profile.observations.push_back(plain);
  profile.derive();
  std::string text = made(profile);
  EXPECT_NE(text.find("  # @exec as caller, execve: subprocess.Popen.__init__ < deploytool.ship.run < app.main\n"
                      "  pkg:pypi/deploytool: { grant: { caller: [\"@exec\"] } }\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("# 1 more need the defaults only:\n#   pkg:pypi/quiet\n"), std::string::npos) << text;
  EXPECT_EQ(to_yaml(*parse_policy(text, "p.yaml")), text);
}

TEST_F(NewPolicy, ElevenHundredLibraries) {
  Profile profile;
  for (int i = 0; i < 1100; i++) {
    Profile one =
        seen(("pkg:pypi/lib" + std::to_string(i) + "@1").c_str(), i % 3 ? "connect" : "openat:write", Phase::kInit);
    profile.observations.push_back(one.observations[0]);
  }
  profile.derive();
  Rules rules = rules_of(made(profile), &profile);
  for (const Observation& one : profile.observations) EXPECT_TRUE(judge(rules, one).allowed);
}

// Deny something, let it deviate, accept the event: then it passes, and nothing else does.
TEST_F(NewPolicy, AcceptingDeviationsAllowsThem) {
  for (unsigned seed = 0; seed < 30; seed++) {
    Profile known = RandomProfile(seed).make(30, true), more = RandomProfile(seed + 1000).make(30, true);
    std::string text = made(known);
    Rules rules = rules_of(text, &known);
    std::vector<Event> events;
    for (const Observation& one : more.observations)
      if (Judged judged = judge(rules, one); !judged.allowed) events.push_back(as_event(rules, one, judged));
    ASSERT_FALSE(events.empty());
    Acceptance done = accept_events(rules, events);
    auto reread = parse_policy(to_yaml(done.policy), "p.yaml");
    ASSERT_TRUE(reread) << reread.error().what;
    Rules wider = *Rules::compile(*reread, &known);
    for (const Event& event : events) {
      bool impossible = false;
      for (const auto& refusal : done.refusals) impossible |= refusal.event == event.id;
      EXPECT_TRUE(impossible || judge(wider, event).allowed) << seed << " " << to_text_line(event);
    }
    for (const Observation& one : known.observations) EXPECT_TRUE(judge(wider, one).allowed);
  }
}

Event deviation(const char* library, const char* role, const char* name, const char* phase = "serving") {
  Event event;
  event.kind = "deviation";
  event.phase = phase;
  event.right_name = name;
  event.right_group = group_name(group_of(right(name)));
  event.culprits = {{library, role}};
  event.stack = {{library, "x.run"}};
  event.library_purl = library;
  event.id = event_id(event);
  return event;
}

TEST(GrantLine, IsTheWholeEntry) {
  Rules rules = compiled("libraries: { pkg:pypi/x: { grant: [\"@ipc\"], because: \"why\" } }");
  EXPECT_EQ(rules.grant_line(deviation("pkg:pypi/x@1", "caller", "connect")),
            "pkg:pypi/x: { grant: { any: [\"@ipc\"], caller: [\"@net-out\"] }, because: \"why\" }");
  EXPECT_EQ(rules.grant_line(deviation("pkg:pypi/y@1", "stack", "openat:write")),
            "pkg:pypi/y: { grant: [\"@file-write\"] }");
  EXPECT_EQ(rules.grant_line(deviation("pkg:pypi/y@1", "stack", "ptrace")),
            "pkg:pypi/y: { grant: { stack: [\"ptrace\"] } }");
  EXPECT_EQ(rules.grant_line(deviation("pkg:pypi/y@1", "function", "execve")),
            "pkg:pypi/y: { functions: { \"@exec\": [\"x.run\"] } }");
}

TEST(GrantLine, StartsWithWhatTheProfileSays) {
  Profile profile = seen("pkg:pypi/x@1", "execve", Phase::kInit);
  Rules rules = compiled("", &profile);
  EXPECT_EQ(rules.grant_line(deviation("pkg:pypi/x@1", "stack", "openat:write")),
            "pkg:pypi/x: { grant: { any: [\"@file-write\"], caller: [\"execve\"] } }");
}

TEST(GrantLine, PastedIntoThePolicyItAllows) {
  Rules rules = compiled("");
  Event event = deviation("pkg:pypi/x@1", "caller", "connect");
  event.culprits.push_back({"pkg:pypi/y@1", "stack"});
  std::string lines = rules.grant_line(event);
  std::string text = "libraries:\n  ";
  for (char c : lines) text += c == '\n' ? std::string("\n  ") : std::string(1, c);
  EXPECT_TRUE(judge(compiled(text + "\n"), event).allowed) << text;
}

TEST(GrantLine, EmptyWhereNothingHelps) {
  Rules rules = compiled("libraries: { pkg:pypi/x: { deny: [\"@exec\"] } }");
  for (const char* name : {"unknown", "runtime", "startup"})
    EXPECT_EQ(rules.grant_line(deviation(name, "caller", "execve")), "") << name;
  EXPECT_EQ(rules.grant_line(deviation("pkg:pypi/x@1", "caller", "execve")), "");
}

// A shell, make, git: the one cell of a program that is judged as a whole.
TEST(GrantLine, ProgramOfItsOwn) {
  Event event = deviation("pkg:deb/debian/dash@0.5", "function", "vfork");
  event.stack = {{event.library_purl, ""}};
  event.exe = event.library_path = "/usr/bin/dash";
  EXPECT_EQ(compiled("").grant_line(event), "pkg:deb/debian/dash: { functions: { \"@process\": [\"<program>\"] } }");
  event.library_path = "/srv/site-packages/dash";
  EXPECT_EQ(compiled("").grant_line(event), "") << "a function without a name is no program";
}

// What a library holds by default is not written down when its first grant is.
TEST(Accept, LeavesDefaultsOut) {
  Profile profile = seen("pkg:pypi/x@1", "openat:read", Phase::kInit);
  Event event = deviation("pkg:pypi/x@1", "stack", "mkdir");
  EXPECT_EQ(compiled("", &profile).grant_line(event), "pkg:pypi/x: { grant: [\"@file-write\"] }");
}

TEST(Accept, InitStaysInInitWherePhasesMatter) {
  Rules rules = compiled("phases: { serving: { starts: ready } }");
  Acceptance done = accept_events(rules, {deviation("pkg:pypi/x@1", "caller", "execve", "init")});
  Rules wider = *Rules::compile(done.policy, nullptr);
  EXPECT_TRUE(holds(wider, "pkg:pypi/x", "execve", Role::kCaller, Phase::kInit));
  EXPECT_FALSE(holds(wider, "pkg:pypi/x", "execve", Role::kCaller, Phase::kServing));
  ASSERT_EQ(done.changes.size(), 1u);
  EXPECT_TRUE(done.changes[0].dangerous);
}

TEST(Judge, FunctionCell) {
  Profile profile = seen("pkg:pypi/x@1", "execve", Phase::kInit);
  profile.observations[0].direct = "pkg:pypi/x@1 x.evil";
  profile.observations[0].direct_function = "x.evil";
  Rules rules = compiled("libraries: { pkg:pypi/x: { grant: [\"@exec\"], functions: { \"@exec\": [x.good] } } }");
  Judged judged = judge(rules, profile.observations[0]);
  ASSERT_FALSE(judged.allowed);
  EXPECT_EQ(judged.culprits, (std::vector<Culprit>{{"pkg:pypi/x@1", "function"}}));
  profile.observations[0].direct_function = "x.good";
  EXPECT_TRUE(judge(rules, profile.observations[0]).allowed);
}

}  // namespace
}  // namespace libguard
