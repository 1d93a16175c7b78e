// SPDX-License-Identifier: Apache-2.0
// The texts that people read, compared with tests/golden/policy: new policy, diff, check, explain, error messages.
//
// LIBGUARD_UPDATE_GOLDEN=1 writes the files anew; look at the difference before it is committed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/file.h"
#include "core/policy/check.h"
#include "core/policy/diff.h"
#include "core/policy/explain.h"
#include "core/policy/judge.h"
#include "core/policy/policy.h"

namespace libguard {
namespace {

void expect_golden(const std::string& name, const std::string& text) {
  std::string path = std::string(GOLDEN_DIR) + "/" + name;
  if (std::getenv("LIBGUARD_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path);
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str()) << path;
}

class Story {
 public:
  Story& call(const char* name, std::vector<std::string> stack, Phase phase = Phase::kServing) {
    Observation seen;
    seen.right = *find_right(name);
    seen.phase = phase;
    seen.program = "/usr/bin/python3.11";
    seen.count = 3;
    seen.caller = "runtime";
    for (const std::string& frame : stack) {
      std::string library = frame.substr(0, frame.find('|'));
      seen.libraries.push_back(library);
      if (seen.caller == "runtime" && library != "runtime") seen.caller = library;
    }
    seen.direct = stack[0].substr(0, stack[0].find('|')) + " " + stack[0].substr(stack[0].find('|') + 1);
    if (stack[0].rfind("runtime", 0) != 0) seen.direct_function = stack[0].substr(stack[0].find('|') + 1);
    seen.stack = std::move(stack);
    profile_.observations.push_back(std::move(seen));
    return *this;
  }
  Profile tell() {
    profile_.target.command = {"python3", "app.py"};
    profile_.derive();
    return profile_;
  }

 private:
  Profile profile_;
};

const std::string kApp = "application|app.main", kFlask = "pkg:pypi/flask@3.0.0|flask.app.Flask.wsgi_app";

Profile service() {
  const std::string request = "pkg:pypi/requests@2.31.0|requests.sessions.Session.request";
  return Story()
      .call("openat:read", {"runtime|importlib._bootstrap_external.FileLoader.get_data", kApp}, Phase::kInit)
      .call("bind",
            {"runtime|socketserver.TCPServer.server_bind", "pkg:pypi/werkzeug@3.0|werkzeug.serving.make_server", kApp},
            Phase::kInit)
      .call("connect", {"runtime|socket.socket.connect",
                        "pkg:pypi/urllib3@2.0|urllib3.util.connection.create_connection", request, kFlask, kApp})
      .call("openat:write", {"pkg:pypi/cachecontrol@0.13|cachecontrol.caches.FileCache.set", request, kFlask, kApp})
      .call("execve", {"pkg:pypi/deploytool@1.2|deploytool.ship.run", kApp}, Phase::kInit)
      .call("mmap:exec-anon", {"pkg:pypi/cffi@1.15|cffi.api.FFI.callback", kApp}, Phase::kInit)
      .tell();
}

class Texts : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/libguard-texts-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = std::string(name) + "/";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string new_text(const Profile& profile) {
    std::string path = directory_ + "app.profile.json";
    EXPECT_TRUE(save_profile(profile, path));
    NewPolicyOptions options;
    options.profile_name = "app.profile.json";
    return *new_policy(profile, path, options);
  }
  static Policy parsed(const std::string& text) { return *parse_policy(text, "p.yaml"); }

  std::string directory_;
};

TEST_F(Texts, NewPolicy) { expect_golden("new.yaml", new_text(service())); }

TEST_F(Texts, Profile) { expect_golden("profile.json", to_json(service())); }

TEST_F(Texts, ExplainPolicy) {
  Profile profile = service();
  Rules rules = *Rules::compile(parsed(new_text(profile)), &profile);
  expect_golden("explain_policy.txt", *explain_rules(rules, ""));
  auto unknown = explain_rules(rules, "pkg:pypi/request");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().hint, "did you mean 'pkg:pypi/requests'?");
  auto fixed = explain_rules(rules, "runtime");
  ASSERT_TRUE(fixed);
  EXPECT_EQ(fixed->rfind("runtime  (fixed)\n", 0), 0u);
  auto json = nlohmann::json::parse(*explain_rules_json(rules, "pkg:pypi/urllib3@9"));
  EXPECT_EQ(json["libraries"]["pkg:pypi/urllib3@9"]["rights"]["serving"]["caller"].back(), "@net-out");
}

TEST_F(Texts, DiffOfAnUpgrade) {
  Profile before = service();
  Profile after = Story()
                      .call("connect", {"runtime|socket.socket.connect", "pkg:pypi/urllib3@2.1|urllib3.connection.new",
                                        kFlask, kApp})
                      .call("execve", {"pkg:pypi/urllib3@2.1|urllib3.backdoor", kFlask, kApp})
                      .call("openat:write", {"pkg:pypi/newcomer@0.1|newcomer.log", kFlask, kApp})
                      .tell();
  Diff diff = diff_profiles(before, after);
  expect_golden("diff.txt", to_text(diff));
  auto json = nlohmann::json::parse(to_json(diff));
  EXPECT_EQ(json["same"], false);
  EXPECT_EQ(json["changes"].size(), diff.lines.size());
  EXPECT_TRUE(diff_profiles(before, before).same());
  EXPECT_EQ(to_text(diff_profiles(before, before)), "");
}

TEST_F(Texts, DiffOfWholePrograms) {
  auto version = [](const std::string& program, const std::vector<std::string>& rights) {
    Profile profile;
    profile.target.everyday = true;
    for (Phase phase : kEveryPhase) {
      for (const std::string& right : rights) {
        if (phase == Phase::kServing && right == "listen") continue;
        Observation seen;
        seen.caller = seen.direct = "pkg:generic/server";
        seen.libraries = {seen.caller};
        seen.program = program;
        seen.phase = phase;
        seen.right = *find_right(right);
        seen.count = 1;
        seen.stack = {"pkg:deb/debian/libc6|" + right, "pkg:generic/server|sub_10", "pkg:generic/server|main"};
        profile.observations.push_back(seen);
      }
    }
    profile.derive();
    return profile;
  };
  Profile before = version("/opt/1/server", {"openat", "openat:write", "accept", "execve"});
  Profile after = version("/opt/2/server", {"openat:write", "accept", "accept4", "listen"});
  Diff diff = diff_profiles(before, after);
  EXPECT_EQ(to_text(diff.calls),
            "calls of server, and a way to each\n"
            "  +   accept4: main > sub_10 > accept4\n"
            "  +   listen in init only: main > sub_10 > listen\n"
            "  - ! execve: main > sub_10 > execve\n");
  auto json = nlohmann::json::parse(to_json(diff));
  EXPECT_EQ(json["calls"][1]["phase"], "init");
  EXPECT_EQ(json["calls"][2]["way"], (std::vector<std::string>{"main", "sub_10", "execve"}));
  after.target.everyday = false;  // then most calls were not looked at
  EXPECT_TRUE(diff_profiles(before, after).calls.empty());
}

TEST_F(Texts, DiffOfPolicies) {
  Profile profile = service();
  std::string text = new_text(profile);
  Policy changed = parsed(text);
  changed.mode = Mode::kDetect;
  changed.libraries["pkg:pypi/urllib3"].grant->clear();
  changed.libraries["pkg:pypi/deploytool"].functions[LG_GROUP_EXEC].insert("deploytool.other");
  Rules a = *Rules::compile(parsed(text), &profile), b = *Rules::compile(changed, &profile);
  expect_golden("diff_policies.txt", to_text(diff_policies(a, b)));
  EXPECT_TRUE(diff_policies(a, a).same());
}

TEST_F(Texts, Check) {
  Profile profile = service();
  EXPECT_TRUE(remarks_on(parsed(new_text(profile)), &profile).empty());
  Policy policy = parsed(R"(version: 1
mode: enforce
libraries:
  pkg:pypi/reqests: { grant: ["@net-out"] }
  pkg:pypi/urllib3: { grant: ["@file-read", "@net-out", "@exec"], deny: ["@exec"] }
  pkg:pypi/deploytool: { functions: { "@process": [x.y] } }
  pkg:pypi/flask: {}
actions: { default: log }
)");
  std::string text;
  for (const Remark& remark : remarks_on(policy, &profile))
    text += remark.library + ": " + remark.what + "\n  hint: " + remark.hint + "\n";
  expect_golden("check.txt", text);
}

Event refused(const Rules& rules, const Profile& profile) {
  const Observation& seen = profile.observations[0];
  Event event = as_event(rules, seen, judge(rules, seen));
  event.time = "2026-01-02T03:04:05.678Z";
  event.mode = "enforce";
  event.pid = 4711;
  return event;
}

TEST_F(Texts, ExplainDeviation) {
  Profile profile = service();
  Rules rules = *Rules::compile(parsed(new_text(profile)), &profile);
  Profile attack = Story()
                       .call("execve", {"runtime|subprocess.Popen._execute_child",
                                        "pkg:pypi/simple-library@1.0|simple_library.out", kFlask, kApp})
                       .tell();
  Event event = refused(rules, attack);
  Profile first_write =
      Story().call("openat:write", {"pkg:pypi/pillow@10.1|PIL.Image.Image.save", kFlask, kApp}).tell();
  Profile orphan = Story().call("execve", {"runtime|threading.Thread.run"}).tell();
  Profile unknown = Story().call("connect", {"unknown|<lambda>", kFlask, kApp}).tell();
  std::string text;
  for (const Profile& story : {attack, first_write, orphan, unknown})
    text += explain_event(refused(rules, story)) + "\n";
  expect_golden("explain_event.txt", text);
  auto json = nlohmann::json::parse(explain_event_json(event));
  EXPECT_EQ(json["dangerous"], true);
  EXPECT_EQ(json["why"].size(), 3u);
}

TEST_F(Texts, HostileNamesNeverReachTheTerminal) {
  Profile attack = Story().call("execve", {"pkg:pypi/x@1|evil\x1b[2J\nname\xff", kApp}).tell();
  Profile empty;
  Rules rules = *Rules::compile(parsed("version: 1\n"), nullptr);
  std::string text = explain_event(refused(rules, attack)) + new_text(attack) + to_text(diff_profiles(empty, attack));
  EXPECT_EQ(text.find_first_of("\x1b\xff"), std::string::npos) << text;
  EXPECT_TRUE(parse_policy(new_text(attack), "p.yaml"));
}

}  // namespace
}  // namespace libguard
