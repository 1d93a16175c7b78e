// SPDX-License-Identifier: Apache-2.0
// Whitelists: which calls are on them, what the others are answered, the shape of the files.
#include "core/emit/whitelist.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "core/base/file.h"
#include "core/rights/call_age.h"

namespace libguard {
namespace {

constexpr int kEpollWait = LG_NR_epoll_wait, kOpenat = LG_NR_openat, kSetuid = LG_NR_setuid, kPtrace = LG_NR_ptrace;
constexpr const char* kServer = "pkg:deb/debian/server@1";

Observation seen(const char* right, Phase phase) {
  Observation one;
  one.caller = one.direct = kServer;
  one.libraries = {kServer};
  one.program = "/usr/sbin/server";
  one.phase = phase;
  one.right = *find_right(right);
  one.count = 1;
  return one;
}

// Calls of a server: setuid in init, accept4 and sendfile while it serves.
Profile server(bool everyday) {
  Profile profile;
  profile.target.kernel = "6.1.0-18-amd64";
  profile.target.everyday = everyday;
  profile.observations = {seen("setuid", Phase::kInit),      seen("openat:read", Phase::kInit),
                          seen("listen", Phase::kInit),      seen("accept4", Phase::kServing),
                          seen("sendfile", Phase::kServing), seen("openat:read", Phase::kServing)};
  profile.derive();
  return profile;
}

Whitelist list_of(const Profile& profile, Phase phase, const Profile* reachable = nullptr) {
  WhitelistOptions options;
  options.phase = phase;
  options.origin = "server.json";
  options.reachable = reachable;
  auto list = make_whitelist(profile, options);
  EXPECT_TRUE(list) << list.error().what;
  return *list;
}

void expect_shape(const nlohmann::json& section) {
  auto text = read_file(OCI_SCHEMA);
  ASSERT_TRUE(text);
  const nlohmann::json shape = nlohmann::json::parse(*text);
  valijson::Schema schema;
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(shape), schema);
  valijson::Validator validator;
  valijson::ValidationResults results;
  const bool fits = validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(section), &results);
  valijson::ValidationResults::Error error;
  std::string why;
  while (results.popError(error)) why += error.description + "; ";
  EXPECT_TRUE(fits) << why;
}

// Action of the entry that names the call; of several the first. Nothing: the default.
const nlohmann::json* entry_of(const nlohmann::json& section, const std::string& name) {
  for (const auto& entry : section["syscalls"])
    for (const auto& each : entry["names"])
      if (each == name) return &entry;
  return nullptr;
}

TEST(Whitelist, InitHoldsServingAndServingNotInit) {
  const Whitelist init = list_of(server(true), Phase::kInit), serving = list_of(server(true), Phase::kServing);
  EXPECT_EQ(init.calls.count(kSetuid), 1u);
  EXPECT_EQ(serving.calls.count(kSetuid), 0u);
  for (const int call : serving.calls) EXPECT_EQ(init.calls.count(call), 1u) << call;
  EXPECT_EQ(serving.refused.at(kSetuid), Action::kDeny);
}

TEST(Whitelist, WhatWasNotLookedAtIsHeldUnlessReachableSaysMore) {
  EXPECT_EQ(list_of(server(true), Phase::kServing).calls.count(kEpollWait), 0u);
  const Whitelist whole = list_of(server(false), Phase::kServing);
  EXPECT_EQ(whole.calls.count(kEpollWait), 1u);
  EXPECT_EQ(whole.calls.count(LG_NR_vmsplice), 0u);
  Profile reachable;
  reachable.observations = {seen("epoll_wait", Phase::kServing), seen("ptrace", Phase::kServing)};
  const Whitelist narrowed = list_of(server(false), Phase::kServing, &reachable);
  EXPECT_EQ(narrowed.calls.count(kEpollWait), 1u);
  EXPECT_EQ(narrowed.calls.count(LG_NR_poll), 0u);
  EXPECT_EQ(narrowed.calls.count(kPtrace), 0u);  // could be reached, never was
  EXPECT_EQ(narrowed.calls.count(LG_NR_sendfile), 1u);
}

TEST(Whitelist, NumbersThatEndThreadsAreAlwaysThere) {
  const Whitelist list = list_of(server(true), Phase::kServing);
  for (const int call : {LG_NR_rt_sigreturn, LG_NR_exit, LG_NR_exit_group, LG_NR_restart_syscall})
    EXPECT_EQ(list.calls.count(call), 1u) << call;
}

TEST(Whitelist, EveryKnownCallHasOneAnswer) {
  for (const bool everyday : {false, true})
    for (const Phase phase : kEveryPhase) {
      const Whitelist list = list_of(server(everyday), phase);
      for (int number = 0; number < LG_NUMBERS; number++) {
        const size_t answers = list.calls.count(number) + list.refused.count(number) + list.unheard.count(number);
        EXPECT_EQ(answers, syscall_name(number) ? 1u : 0u) << number;
      }
    }
}

TEST(Whitelist, NewerThanTheProfileIsUnheard) {
  const Whitelist list = list_of(server(true), Phase::kServing);
  EXPECT_EQ(list.unheard.count(LG_NR_mseal), 1u);         // 6.10
  EXPECT_EQ(list.refused.count(LG_NR_memfd_secret), 1u);  // 5.14
  EXPECT_EQ(list.unheard.count(LG_NR_clone3), 1u);        // known, but the C library has clone
  EXPECT_EQ(release_of_call(LG_NR_openat2), (KernelRelease{5, 6}));
  EXPECT_EQ(release_of_call(LG_NR_read), (KernelRelease{2, 6}));
  EXPECT_EQ(release_of_call(400), std::nullopt);
  EXPECT_EQ(parse_release("6.12-cloud"), (KernelRelease{6, 12}));
  EXPECT_EQ(parse_release("six"), std::nullopt);
}

TEST(Whitelist, PhaseThatNeverCameIsAnError) {
  Profile profile = server(true);
  std::erase_if(profile.observations, [](const Observation& one) { return one.phase == Phase::kServing; });
  WhitelistOptions options;
  options.phase = Phase::kServing;
  EXPECT_FALSE(make_whitelist(profile, options));
  EXPECT_FALSE(make_whitelist(Profile{}, WhitelistOptions{}));
}

TEST(Whitelist, PolicySaysWhoMayWhatAndWhatElseHappens) {
  auto policy = parse_policy(
      "version: 1\nmode: enforce\ndefaults: [\"@base\", \"@io\"]\nlibraries:\n"
      "  pkg:deb/debian/server: { grant: { init: { caller: [\"@privilege\"] }, caller: [\"@net-in\"] } }\n"
      "actions: { default: deny, \"@inspect\": kill, \"@kernel\": log }\n",
      "policy.yaml");
  ASSERT_TRUE(policy) << policy.error().what;
  auto rules = Rules::compile(*policy, nullptr);
  ASSERT_TRUE(rules);
  WhitelistOptions options;
  auto init = make_whitelist(*rules, nullptr, options);
  options.phase = Phase::kServing;
  auto serving = make_whitelist(*rules, nullptr, options);
  ASSERT_TRUE(init && serving);
  EXPECT_EQ(init->calls.count(kSetuid), 1u);
  EXPECT_EQ(serving->refused.at(kSetuid), Action::kDeny);
  EXPECT_EQ(serving->refused.at(kPtrace), Action::kKill);
  EXPECT_EQ(serving->refused.at(LG_NR_bpf), Action::kLog);
  EXPECT_EQ(serving->calls.count(LG_NR_listen), 1u);
  EXPECT_EQ(serving->refused.count(LG_NR_mknod), 1u);  // the application's, and there is none
  EXPECT_FALSE(render_systemd(*serving));              // several answers
  EXPECT_TRUE(render_oci(*serving, ContainerRuntime::kNone));
}

TEST(Whitelist, OciSectionFitsTheSpecification) {
  for (const ContainerRuntime runtime : {ContainerRuntime::kNone, ContainerRuntime::kCrun, ContainerRuntime::kRunc}) {
    auto text = render_oci(list_of(server(true), Phase::kInit), runtime);
    ASSERT_TRUE(text);
    const nlohmann::json section = nlohmann::json::parse(*text);
    expect_shape(section);
    EXPECT_EQ(section["defaultErrnoRet"], 38);
    EXPECT_EQ(section["architectures"], nlohmann::json::array({"SCMP_ARCH_X86_64"}));
    EXPECT_EQ((*entry_of(section, "setuid"))["action"], "SCMP_ACT_ALLOW");
    EXPECT_EQ((*entry_of(section, "ptrace"))["errnoRet"], 1);
    EXPECT_EQ((*entry_of(section, "clone3"))["errnoRet"], 38);
    const bool starts = runtime != ContainerRuntime::kNone;
    const nlohmann::json& exec = *entry_of(section, "execve");
    EXPECT_EQ(exec["action"], starts ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
    EXPECT_EQ(starts, exec["comment"].get<std::string>().find("not of the program") != std::string::npos);
    std::set<std::string> names;
    for (const auto& entry : section["syscalls"])
      for (const auto& name : entry["names"]) EXPECT_TRUE(names.insert(name).second) << name << " twice";
  }
}

TEST(Whitelist, SystemdSaysKillOrAnErrno) {
  Whitelist list = list_of(server(true), Phase::kInit);
  auto text = render_systemd(list);
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("\nSystemCallArchitectures=native\n"), std::string::npos);
  EXPECT_NE(text->find("\nSystemCallErrorNumber=EPERM\n"), std::string::npos);
  EXPECT_NE(text->find("clone3:ENOSYS"), std::string::npos);
  EXPECT_EQ(text->find("ptrace"), std::string::npos);
  for (auto& [number, action] : list.refused) action = Action::kKill;
  EXPECT_NE(render_systemd(list)->find("\nSystemCallErrorNumber=kill\n"), std::string::npos);
  for (auto& [number, action] : list.refused) action = Action::kLog;
  EXPECT_FALSE(render_systemd(list));
}

}  // namespace
}  // namespace libguard
