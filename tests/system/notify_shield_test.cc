// SPDX-License-Identifier: Apache-2.0
// The race between the supervisor's look at a path and the call: real without Landlock, closed with it.
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "notify_fixture.h"

namespace libguard {
namespace {

constexpr const char* kRealRounds = "400000";  // it takes some hundred; ended at the first
constexpr const char* kClosedRounds = "15000";

class NotifyShieldTest : public NotifyTest {
 protected:
  void SetUp() override {
    NotifyTest::SetUp();
    ASSERT_GE(landlock_version(), 2) << "this kernel has no Landlock";
    char folder[] = "/tmp/libguard-shield-XXXXXX";
    root = mkdtemp(folder);
    mkdir((root + "/kept").c_str(), 0755);
    mkdir((root + "/there").c_str(), 0755);
    guard.protected_files = {root + "/kept"};
    guard.keep = false;
    options.emulate_opens = true;
    options.closed = [](const std::string&) { return true; };  // root may write everywhere
  }
  void TearDown() override { [[maybe_unused]] int gone = std::system(("rm -rf " + root).c_str()); }
  void make_target() { std::ofstream(root + "/kept/target") << "original"; }
  std::string root;
};

TEST_F(NotifyShieldTest, TheRaceIsReal) {
  for (const char* call : {"unlink", "truncate", "link", "rename"}) {
    make_target();
    if (std::string(call) == "link") unlink((root + "/kept/target").c_str());
    if (std::string(call) == "rename") unlink((root + "/kept/target").c_str());
    EXPECT_EQ(guest({"race", call, root, kRealRounds}), 0) << call;
  }
}

TEST_F(NotifyShieldTest, LandlockClosesIt) {
  options.landlock = true;
  for (const char* call : {"unlink", "truncate", "link", "rename"}) {
    make_target();
    if (std::string(call) == "truncate" && landlock_version() < 3) continue;  // the race stays: docs/threat-model.md
    if (std::string(call) == "link" || std::string(call) == "rename") unlink((root + "/kept/target").c_str());
    EXPECT_EQ(guest({"race", call, root, kClosedRounds}), 1) << call;
    EXPECT_GT(guard.tampers.size(), 0u) << call << ": the supervisor looks first";
  }
}

// Nothing can be made beside a kept directory, and that is no secret.
TEST_F(NotifyShieldTest, ClosedDirectoriesAreTold) {
  options.landlock = true;
  std::ofstream(root + "/there/file") << "text";
  EXPECT_EQ(guest({"rename", root + "/there/file", root + "/beside"}), EPERM);
  EXPECT_EQ(guest({"unlink", root + "/missing"}), ENOENT) << "fails by itself";
  ASSERT_EQ(guard.tampers.size(), 1u);
  EXPECT_NE(guard.tampers[0].find("Landlock keeps closed"), std::string::npos);
  EXPECT_EQ(guard.tampered_paths[0], root + "/beside");
}

TEST_F(NotifyShieldTest, OtherWorkGoesOn) {
  options.landlock = true;
  EXPECT_EQ(guest({"create", root + "/there/made"}), 0);
  EXPECT_EQ(guest({"rename", root + "/there/made", root + "/there/moved"}), 0);
  EXPECT_EQ(guest({"link", root + "/there/moved", root + "/there/second"}), 0);
  EXPECT_EQ(guest({"unlink", root + "/there/moved"}), 0);
  EXPECT_EQ(guest({"open", "/proc/self/comm"}), 0);
  EXPECT_EQ(guest({"open", "/dev/null"}), 0);
  EXPECT_EQ(guest({"spawn", "/bin/true"}), 0);
  EXPECT_TRUE(guard.tampers.empty());
}

// Above the kept ones, the program makes files: Landlock keeps them from being opened for writing, and from no more.
class NotifyOpenShieldTest : public NotifyShieldTest {
 protected:
  void SetUp() override {
    NotifyShieldTest::SetUp();
    options.closed = [](const std::string&) { return false; };
    options.first_shield = FirstShield::kForOpens;
    std::ofstream(root + "/file-kept") << "original";
    std::ofstream(root + "/before") << "original";
    guard.protected_files.push_back(root + "/file-kept");
    make_target();
  }
};

TEST_F(NotifyOpenShieldTest, TheRaceIsReal) {
  options.emulate_opens = false;
  EXPECT_EQ(guest({"race", "write", root, kRealRounds}), 0);
  EXPECT_EQ(guest({"race", "memory", root, kRealRounds}), 0);
}

TEST_F(NotifyOpenShieldTest, TheKernelOpensAndNothingSlipsThrough) {
  options.landlock = true;
  for (const char* call : {"write", "memory"}) {
    EXPECT_EQ(guest({"race", call, root, kClosedRounds}), 1) << call;
    EXPECT_GT(guard.tampers.size(), 0u) << call << ": the supervisor looks first";
    EXPECT_GT(counters["opens_shielded"], 1000u) << call;
    EXPECT_EQ(counters["opens_raced"], 0u) << call;
  }
}

TEST_F(NotifyOpenShieldTest, WhatItLooksAtLastIsWhatItOpens) {
  EXPECT_EQ(guest({"race", "write", root, kClosedRounds}), 1) << "without Landlock the supervisor opens";
  EXPECT_EQ(counters["opens_shielded"], 0u);
}

TEST_F(NotifyOpenShieldTest, OtherWorkGoesOn) {
  options.landlock = true;
  EXPECT_EQ(guest({"beside", root}), 0);
  EXPECT_EQ(guard.tampered_paths, (std::vector<std::string>{root + "/kept/target", root + "/file-kept"}));
  EXPECT_GE(counters["opens_shielded"], 4u);
  EXPECT_GE(counters["opens_emulated"], 7u) << "made after the ruleset";
}

// As above, but the files are not the supervisor's user's: nothing is carried out in its name.
TEST_F(NotifyOpenShieldTest, OfOtherUsers) {
  options.landlock = true;
  ASSERT_EQ(geteuid(), 0u);
  ASSERT_EQ(chmod(root.c_str(), 0777), 0);
  ASSERT_EQ(chmod((root + "/there").c_str(), 0777), 0);
  EXPECT_EQ(run({"/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "/bin/sh", "-c",
                 "cd " + root + " && echo a > there/a && echo new > /proc/self/comm"}),
            0);
  EXPECT_GE(counters["opens_shielded"], 1u);
}

}  // namespace
}  // namespace libguard
