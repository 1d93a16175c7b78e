// SPDX-License-Identifier: Apache-2.0
// Policies: reading, the one layout, hostile texts, the messages of wrong ones.
#include "core/policy/policy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "core/base/file.h"
#include "core/event/format.h"
#include "core/policy/grants.h"
#include "tests/unit/random_profile.h"

namespace libguard {
namespace {

constexpr const char* kSample = R"(version: 1
mode: enforce
defaults: ["@base", "@io", "@code-map", "@file-read"]
libraries:                         # version left out = any
  # reviewed by hand
  pkg:pypi/requests: { grant: ["@file-read", "@net-out"] }
  pkg:pypi/deploytool: { grant: ["@exec"], functions: { "@exec": ["deploytool.ship.run"] } }
  pkg:maven/org.apache.logging.log4j/log4j-core: { deny: ["@exec", "@net-out"], because: "CVE-2021-44228" }
actions: { default: deny, "@exec": kill }
phases: { serving: { starts: ready } }
)";

Policy parsed(std::string_view text) {
  auto policy = parse_policy(text, "p.yaml");
  EXPECT_TRUE(policy) << policy.error().what << "\n" << policy.error().hint;
  return policy ? *policy : Policy{};
}

TEST(Policy, ReadsTheSample) {
  Policy policy = parsed(kSample);
  EXPECT_EQ(policy.mode, Mode::kEnforce);
  EXPECT_EQ(policy.actions.at(LG_GROUP_EXEC), Action::kKill);
  EXPECT_EQ(policy.serving_starts, "ready");
  EXPECT_EQ(policy.libraries.at("pkg:pypi/deploytool").functions.at(LG_GROUP_EXEC).count("deploytool.ship.run"), 1u);
  EXPECT_TRUE(rights_in(*policy.libraries.at("pkg:pypi/requests").grant, Phase::kServing, Role::kSpawned)
                  .has_all(LG_GROUP_NET_OUT));
  EXPECT_EQ(policy.digest, sha256_hex(kSample));
}

TEST(Policy, JsonIsReadToo) {
  Policy policy = parsed(kSample);
  Policy back = parsed(to_json(policy));
  EXPECT_TRUE(same_meaning(policy, back));
}

// As an editor sees it: with the names of rights and groups, which check_format() leaves to the reader.
bool fits_published_schema(const std::string& text) {
  const auto schema_json = nlohmann::json::parse(schema_text(Format::kPolicy)), policy = nlohmann::json::parse(text);
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json), schema);
  return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(policy), nullptr);
}

TEST(Policy, PublishedSchemaKnowsTheNames) {
  EXPECT_TRUE(fits_published_schema(to_json(parsed(kSample))));
  std::string names;
  for (Right right : all_rights()) names += (names.empty() ? "\"" : ", \"") + right_name(right) + "\"";
  auto granting = [](const std::string& list) {
    return R"({"version": 1, "libraries": {"pkg:pypi/x": {"grant": {"init": {"caller": [)" + list + "]}}}}}";
  };
  EXPECT_TRUE(fits_published_schema(granting(names)));
  EXPECT_TRUE(fits_published_schema(granting("\"@file-write\", \"syscall:400\"")));
  for (const char* wrong : {"\"@file-wirte\"", "\"exceve\"", "\"openat:wirte\"", "\"\""})
    EXPECT_FALSE(fits_published_schema(granting(wrong))) << wrong;
}

TEST(Policy, LayoutIsAFixedPointAndKeepsComments) {
  std::string once = to_yaml(parsed(kSample));
  EXPECT_EQ(to_yaml(parsed(once)), once);
  EXPECT_TRUE(same_meaning(parsed(once), parsed(kSample)));
  EXPECT_NE(once.find("# version left out = any\n"), std::string::npos);
  EXPECT_NE(once.find("  # reviewed by hand\n  pkg:pypi/requests:"), std::string::npos) << once;
}

TEST(Policy, DataDirectoriesAreInsideTheApplications) {
  Policy policy = parsed("version: 1\n# why\ndata: [var/run, instance, .cache]\n");
  EXPECT_EQ(policy.data, (std::vector<std::string>{".cache", "instance", "var/run"}));
  std::string yaml = to_yaml(policy);
  EXPECT_NE(yaml.find("# why\ndata: ["), std::string::npos) << yaml;
  EXPECT_TRUE(same_meaning(parsed(yaml), policy));
  EXPECT_FALSE(same_meaning(parsed("version: 1\n"), policy));
  EXPECT_TRUE(same_meaning(parsed(to_json(policy)), policy));
  for (const char* bad : {"/srv/data", ".", "..", "../data", "a/../b", "a//b", "a/", "./a", "", "a/.", "a/.."}) {
    auto read = parse_policy(std::string("version: 1\ndata: [\"") + bad + "\"]\n", "test.yaml");
    ASSERT_FALSE(read) << bad;
    EXPECT_NE(read.error().what.find("data[0]"), std::string::npos) << read.error().what;
  }
  EXPECT_FALSE(parse_policy("version: 1\ndata: [a, a]\n", "test.yaml"));
  EXPECT_FALSE(parse_policy("version: 1\ndata: instance\n", "test.yaml"));
  EXPECT_FALSE(parse_policy("version: 1\ndata: [\"" + std::string(200000, 'a') + "\"]\n", "test.yaml"));
}

TEST(Policy, EveryCommentSurvivesInItsPlace) {
  std::string text = R"(# head
version: 1  # one
# before libraries
libraries:
  # of a
  pkg:pypi/a:  # also of a
    # inside a
    grant: ["@net-out"]  # behind the grant
    because: "not # a comment"
  # of b
  pkg:pypi/b: { deny: ["@exec"] }
# of actions
actions: { default: kill }
# the end
)";
  std::string yaml = to_yaml(parsed(text));
  for (const char* comment :
       {"# head\n", "# one\n", "# before libraries\nlibraries:", "  # of a\n", "  # also of a\n", "  # inside a\n",
        "  # behind the grant\n  pkg:pypi/a:", "  # of b\n  pkg:pypi/b", "# of actions\nactions", "# the end\n"})
    EXPECT_NE(yaml.find(comment), std::string::npos) << comment << "\n" << yaml;
  EXPECT_EQ(std::count(yaml.begin(), yaml.end(), '#'), 11);
  EXPECT_EQ(to_yaml(parsed(yaml)), yaml);
}

TEST(Policy, NestedKeysAddUp) {
  Policy policy = parsed(R"(
version: 1
libraries:
  application:
    grant: { any: ["@file-write"], caller: ["@net-out"], init: { caller: ["@exec"], spawned: [connect] }, serving: ["@ipc"] }
)");
  const Grants& grant = *policy.libraries.at("application").grant;
  auto has = [&](Phase phase, Role role, lg_group group) { return rights_in(grant, phase, role).has_all(group); };
  EXPECT_TRUE(has(Phase::kInit, Role::kSpawned, LG_GROUP_FILE_WRITE));
  EXPECT_TRUE(has(Phase::kServing, Role::kCaller, LG_GROUP_NET_OUT));
  EXPECT_TRUE(has(Phase::kServing, Role::kStack, LG_GROUP_NET_OUT));  // caller includes stack
  EXPECT_FALSE(has(Phase::kServing, Role::kSpawned, LG_GROUP_NET_OUT));
  EXPECT_TRUE(has(Phase::kInit, Role::kCaller, LG_GROUP_EXEC));
  EXPECT_FALSE(has(Phase::kServing, Role::kCaller, LG_GROUP_EXEC));
  EXPECT_TRUE(has(Phase::kServing, Role::kStack, LG_GROUP_IPC));
  EXPECT_FALSE(has(Phase::kInit, Role::kStack, LG_GROUP_IPC));
  EXPECT_TRUE(rights_in(grant, Phase::kInit, Role::kSpawned).has(*find_right("connect")));
}

void expect_same_grants(const Grants& a, const Grants& b) {
  for (Phase phase : kEveryPhase)
    for (Role role : kEveryRole)
      EXPECT_EQ(names_of(rights_in(a, phase, role)), names_of(rights_in(b, phase, role)))
          << phase_name(phase) << " " << role_name(role);
}

TEST(Policy, RandomGrantsSurviveTheLayout) {
  std::mt19937 random(5);
  std::vector<Right> all = all_rights();
  for (int round = 0; round < 200; round++) {
    Policy policy;
    policy.defaults = default_rights();
    LibraryRules& rules = policy.libraries["pkg:pypi/x"];
    rules.grant = Grants{};
    for (Phase phase : kEveryPhase) {
      for (Role role : kEveryRole) {
        RightSet& set = (*rules.grant)[phase][role];
        for (unsigned i = random() % 4; i > 0; i--) set.add(all[random() % all.size()]);
        for (unsigned i = random() % 3; i > 0; i--) set.add(static_cast<lg_group>(random() % LG_GROUPS));
        rules.deny[phase][role].add(all[random() % all.size()]);
      }
      (*rules.grant)[phase][Role::kStack].add((*rules.grant)[phase][Role::kCaller]);
    }
    for (Role role : kEveryRole) (*rules.grant)[Phase::kInit][role].add((*rules.grant)[Phase::kServing][role]);
    rules.because = round % 2 ? "quotes \" and \\ and: # ä\n second line" : "";
    Policy back = parsed(to_yaml(policy));
    EXPECT_TRUE(same_meaning(back, policy)) << to_yaml(policy);
    EXPECT_TRUE(same_meaning(parsed(to_json(policy)), policy));
    expect_same_grants(*back.libraries.at("pkg:pypi/x").grant, *rules.grant);
    expect_same_grants(back.libraries.at("pkg:pypi/x").deny, rules.deny);
    EXPECT_EQ(back.libraries.at("pkg:pypi/x").because, rules.because);
  }
}

TEST(Policy, NamesAreMadeCanonical) {
  Policy policy = parsed("version: 1\nlibraries:\n  pkg:pypi/Flask_Login@1.0: { grant: [] }\n");
  EXPECT_EQ(policy.libraries.count("pkg:pypi/flask-login@1.0"), 1u);
}

struct Wrong {
  const char* text;
  const char* what;
  const char* hint;
};
class WrongPolicy : public testing::TestWithParam<Wrong> {};

TEST_P(WrongPolicy, SaysLineAndRemedy) {
  auto policy = parse_policy(GetParam().text, "p.yaml");
  ASSERT_FALSE(policy) << GetParam().text;
  EXPECT_EQ(policy.error().what, GetParam().what);
  EXPECT_EQ(policy.error().hint, GetParam().hint);
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongPolicy,
    testing::Values(
        Wrong{"version: 1\nlibrarys: {}\n", "p.yaml:2: unknown key 'librarys'", "did you mean 'libraries'?"},
        Wrong{"version: 1\nlibraries:\n  pkg:pypi/a:\n    grants: []\n",
              "p.yaml:4: libraries.pkg:pypi/a: unknown key 'grants'", "did you mean 'grant'?"},
        Wrong{"version: 1\nlibraries:\n  pkg:pypi/a:\n    grant:\n      - \"@net-ot\"\n",
              "p.yaml:5: libraries.pkg:pypi/a.grant[0]: unknown group '@net-ot'", "did you mean '@net-out'?"},
        Wrong{"version: 1\nlibraries:\n  pkg:pypi/a: { grant: [execv] }\n",
              "p.yaml:3: libraries.pkg:pypi/a.grant[0]: unknown right 'execv'", "did you mean 'execve'?"},
        Wrong{"mode: enforce\n", "p.yaml:1: missing key 'version'", "add 'version: 1'"},
        Wrong{"version: 1\nmode: enforced\n", "p.yaml:2: mode: unknown value 'enforced'", "did you mean 'enforce'?"},
        Wrong{"version: 1\nmode: detect\nmode: enforce\n", "p.yaml:3: key 'mode' is there twice", "join both into one"},
        Wrong{"version: 1\nlibraries:\n  requests: {}\n", "p.yaml:3: libraries.requests: no package URL: 'requests'",
              "did you mean 'pkg:pypi/requests'?"},
        Wrong{"version: 1\nlibraries:\n  unknown: { grant: [\"@exec\"] }\n",
              "p.yaml:3: libraries.unknown: 'unknown' has fixed rights",
              "remove the entry; docs/formats/policy.md says which"},
        Wrong{"version: 1\ndefaults: [\"@exec\"]\n", "p.yaml:2: defaults: @exec is dangerous and cannot be a default",
              "grant it to the libraries that need it"},
        Wrong{"version: 1\nlibraries:\n  pkg:pypi/a:\n    grant: { serving: { caller: [\"@exec\"] } }\n",
              "p.yaml:4: libraries.pkg:pypi/a.grant: serving holds @exec but init does not",
              "a process only ever loses dangerous rights: grant it under init too, or without a phase"},
        Wrong{"version: 1\nactions: { \"@exek\": kill }\n", "p.yaml:2: actions.@exek: unknown group '@exek'",
              "did you mean '@exec'?"},
        Wrong{"version: 1\nphases: { serving: { starts: soon } }\n",
              "p.yaml:2: phases.serving.starts: unknown start 'soon'",
              "auto, ready, quiescence, listen:SECONDS or function:NAME"},
        Wrong{"version: 1\nlibraries: { pkg:pypi/A_b: {}, pkg:pypi/a-b: {} }\n",
              "p.yaml:2: libraries.pkg:pypi/a-b: 'pkg:pypi/a-b' is there twice", "join both entries into one"},
        Wrong{"", "p.yaml: empty", "start with 'version: 1', or use 'libguard policy new'"},
        Wrong{"version: 1\n---\nversion: 1\n", "p.yaml: something follows the first YAML document",
              "a policy is one document; remove '---' or the stray bracket"},
        Wrong{"version: 1\nlibraries: { x: [\n", "p.yaml:3: no YAML: end of sequence flow not found",
              "texts that start with @ must be quoted; indent with spaces"},
        Wrong{"{\n  \"format\": \"libguard-profile\"", "p.yaml is a profile, not a policy",
              "make a policy of it: libguard policy new p.yaml"}));

TEST(Policy, AliasesCannotMultiply) {
  std::string bomb = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; i++) {
    std::string previous = "*a" + std::to_string(i - 1), name = "a" + std::to_string(i);
    bomb += name + ": &" + name + " [";
    for (int k = 0; k < 10; k++) bomb += (k ? ", " : "") + previous;
    bomb += "]\n";
  }
  auto policy = parse_policy(bomb, "p.yaml");
  ASSERT_FALSE(policy);
  EXPECT_NE(policy.error().what.find("too many or too deeply nested values"), std::string::npos);
}

TEST(Policy, StrayBracketEnds) {
  for (const char* text : {"{version: 1}}", "{version: 1}]", "version: 1\n}", "{version: 1}\n---\n}"})
    EXPECT_FALSE(parse_policy(text, "p.yaml")) << text;
}

TEST(Policy, DeepNestingIsAnError) {
  std::string deep = "version: 1\nlibraries: " + std::string(100000, '[');
  EXPECT_FALSE(parse_policy(deep, "p.yaml"));
  EXPECT_FALSE(parse_policy("version: 1\nlibraries: " + std::string(300, '[') + std::string(300, ']'), "p.yaml"));
}

TEST(Policy, EveryTruncationAndMutationIsHandled) {
  std::string good = to_yaml(parsed(kSample));
  for (size_t length = 0; length < good.size(); length++) {
    auto policy = parse_policy(std::string_view(good).substr(0, length), "p.yaml");
    EXPECT_TRUE(policy || !policy.error().hint.empty());
  }
  std::mt19937 random(3);
  int refused = 0;
  for (int round = 0; round < 4000; round++) {
    std::string text = mutate(round % 2 ? good : to_json(parsed(kSample)), random);
    auto policy = parse_policy(text, "p.yaml");
    if (policy) {
      // What is accepted can be written and read again.
      auto back = parse_policy(to_yaml(*policy), "p.yaml");
      ASSERT_TRUE(back) << text << "\n-- became --\n" << to_yaml(*policy) << back.error().what;
      EXPECT_TRUE(same_meaning(*policy, *back)) << text;
      continue;
    }
    refused++;
    EXPECT_FALSE(policy.error().hint.empty()) << text;
    EXPECT_EQ(policy.error().what.find('\n'), std::string::npos);
  }
  EXPECT_GT(refused, 1000);
}

class PolicyFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/libguard-policy-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = std::string(name) + "/";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) { std::ofstream(directory_ + name) << text; }
  std::string directory_;
};

TEST_F(PolicyFile, ProfileIsPinned) {
  Profile profile = RandomProfile(1).make(5);
  std::string bytes = to_json(profile), digest = sha256_hex(bytes);
  write("app.profile.json", bytes);
  std::string text = "version: 1\nprofile: { file: app.profile.json, sha256: " + digest + " }\n";
  write("p.yaml", text);
  auto policy = load_policy(directory_ + "p.yaml");
  ASSERT_TRUE(policy) << policy.error().what;
  EXPECT_EQ(policy->profile_path, directory_ + "app.profile.json");
  EXPECT_TRUE(Rules::load(directory_ + "p.yaml"));

  write("app.profile.json", bytes + " ");
  auto changed = load_policy(directory_ + "p.yaml");
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().what.find("is not the one that was pinned"), std::string::npos);
  EXPECT_NE(changed.error().hint.find(sha256_hex(bytes + " ")), std::string::npos);

  std::filesystem::remove(directory_ + "app.profile.json");
  auto missing = load_policy(directory_ + "p.yaml");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().hint.find("beside the policy"), std::string::npos);
}

}  // namespace
}  // namespace libguard
