// SPDX-License-Identifier: Apache-2.0
// Whitelists of a policy: how they are read and written, who they hold for, how they grow.
#include <gtest/gtest.h>

#include "bpf/judge.h"
#include "core/library/library.h"
#include "core/policy/accept.h"
#include "core/policy/explain.h"
#include "core/policy/judge.h"
#include "core/policy/policy.h"

namespace libguard {
namespace {

constexpr const char* kText =
    "version: 1\nmode: enforce\nlibraries:\n  pkg:deb/debian/server: { grant: [\"@exec\", \"@file-write\"] }\n"
    "phases:\n  init: { masters: [server], calls: [read, openat, execve, mkdir] }\n"
    "  serving: { starts: auto, calls: [read, openat] }\n";

Policy policy_of(const std::string& text) {
  auto policy = parse_policy(text, "policy.yaml");
  EXPECT_TRUE(policy) << (policy ? "" : policy.error().what);
  return *policy;
}

Rules rules_of(const std::string& text) { return *Rules::compile(policy_of(text), nullptr); }

std::string error_of(const std::string& phases) {
  auto policy = parse_policy("version: 1\nphases: " + phases + "\n", "policy.yaml");
  return policy ? "" : policy.error().what + " | " + policy.error().hint;
}

TEST(PolicyCalls, HoldByNumberInTheirPhase) {
  const Rules rules = rules_of(kText);
  const auto listed = [&](Phase phase, const char* right) { return rules.is_listed(phase, *find_right(right)); };
  EXPECT_TRUE(listed(Phase::kInit, "execve"));
  EXPECT_FALSE(listed(Phase::kServing, "execve"));
  EXPECT_TRUE(listed(Phase::kServing, "openat:read"));
  EXPECT_TRUE(listed(Phase::kServing, "openat:write"));
  EXPECT_FALSE(listed(Phase::kInit, "futex")) << "a group that everybody holds is no exception";
  EXPECT_TRUE(listed(Phase::kServing, "rt_sigreturn"));
  EXPECT_TRUE(listed(Phase::kServing, "exit_group"));
  EXPECT_FALSE(listed(Phase::kServing, "syscall:500")) << "a number without a name";
  EXPECT_FALSE(rules.is_listed(Phase::kServing, Right{LG_RIGHT_NO_CALL}));
  EXPECT_TRUE(listed(Phase::kServing, "py:ctypes.dlopen")) << "no system call";
}

TEST(PolicyCalls, WithoutAListEveryCall) {
  const Rules rules = rules_of("version: 1\nphases: { serving: { calls: [read] } }\n");
  EXPECT_TRUE(rules.is_listed(Phase::kInit, *find_right("ptrace")));
  EXPECT_FALSE(rules.is_listed(Phase::kServing, *find_right("ptrace")));
}

TEST(PolicyCalls, AreWrittenAsTheyAreRead) {
  const Policy policy = policy_of(kText);
  EXPECT_TRUE(same_meaning(policy, policy_of(to_yaml(policy))));
  EXPECT_TRUE(same_meaning(policy, policy_of(to_json(policy))));
  EXPECT_EQ(to_yaml(policy_of(to_yaml(policy))), to_yaml(policy));
  EXPECT_NE(to_yaml(policy).find("calls: [\"execve\", \"mkdir\", \"openat\", \"read\"]"), std::string::npos);
  Policy many = policy;
  for (int call = 0; call < 300; call++) many.calls[Phase::kInit].insert(call);
  many.calls[Phase::kServing].clear();
  const std::string text = to_yaml(many);
  EXPECT_TRUE(same_meaning(many, policy_of(text)));
  for (size_t at = 0, end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) EXPECT_LT(end - at, 120u);
}

TEST(PolicyCalls, WrongListsSayWhere) {
  EXPECT_NE(error_of("{ serving: { calls: [openatt] } }").find("did you mean 'openat'"), std::string::npos);
  EXPECT_NE(error_of("{ serving: { calls: [\"@io\"] } }").find("'@io' is no system call"), std::string::npos);
  EXPECT_NE(error_of("{ serving: { calls: [\"openat:read\"] } }").find("no system call"), std::string::npos);
  EXPECT_NE(error_of("{ init: { calls: [read] } }").find("none for serving"), std::string::npos);
  EXPECT_NE(error_of("{ init: { calls: [read] }, serving: { calls: [write] } }").find("only ever loses"),
            std::string::npos);
}

Observation mkdir_of(const std::string& library, Phase phase) {
  Observation seen;
  seen.caller = seen.direct = library;
  seen.libraries = {library};
  seen.program = "/usr/sbin/server";
  seen.phase = phase;
  seen.right = *find_right("mkdir");
  return seen;
}

TEST(PolicyCalls, NobodyIsExempt) {
  const Rules rules = rules_of(kText);
  for (const std::string& library : {std::string("pkg:deb/debian/server@1"), std::string(kRuntimeName)}) {
    const Judged judged = judge(rules, mkdir_of(library, Phase::kServing));
    EXPECT_FALSE(judged.allowed) << library;
    ASSERT_EQ(judged.culprits.size(), 1u);
    EXPECT_EQ(judged.culprits[0], (Culprit{library, "process"}));
  }
  EXPECT_TRUE(judge(rules, mkdir_of("pkg:deb/debian/server@1", Phase::kInit)).allowed);
}

TEST(PolicyCalls, AcceptPutsTheCallOntoTheList) {
  const Rules rules = rules_of(kText);
  const Observation seen = mkdir_of("pkg:deb/debian/server@1", Phase::kServing);
  const Event event = as_event(rules, seen, judge(rules, seen));
  EXPECT_EQ(event.grant, "");
  EXPECT_NE(explain_event(event).find("put \"mkdir\" into phases.serving.calls"), std::string::npos);
  const Acceptance accepted = accept_events(rules, {event});
  ASSERT_EQ(accepted.changes.size(), 1u);
  EXPECT_EQ(accepted.changes[0].library, "phases.serving.calls");
  const Rules wider = *Rules::compile(accepted.policy, nullptr);
  EXPECT_TRUE(judge(wider, seen).allowed);
  EXPECT_TRUE(judge(wider, event).allowed);
  EXPECT_FALSE(judge(rules, event).allowed);
}

}  // namespace
}  // namespace libguard
