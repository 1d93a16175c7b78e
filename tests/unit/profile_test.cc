// SPDX-License-Identifier: Apache-2.0
// Profiles: derivation, round trip, merge laws, hostile files.
#include "core/profile/profile.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "core/base/file.h"
#include "tests/unit/random_profile.h"

namespace libguard {
namespace {

Profile one(std::vector<Observation> observations) {
  Profile profile;
  profile.observations = std::move(observations);
  profile.derive();
  return profile;
}

Observation connect_by_urllib3() {
  Observation seen;
  seen.caller = "pkg:pypi/urllib3@2.0";
  seen.direct = "runtime socket.socket.connect";
  seen.libraries = {"runtime", "pkg:pypi/urllib3@2.0", "pkg:pypi/requests@2.31.0", "application"};
  seen.spawners = {"application", "startup"};
  seen.program = "/usr/bin/python3.11";
  seen.phase = Phase::kServing;
  seen.right = *find_right("connect");
  seen.count = 3;
  seen.stack = {"runtime|socket.socket.connect", "pkg:pypi/urllib3@2.0|urllib3.connection.connect"};
  return seen;
}

std::string with(std::string text, const std::string& old_part, const std::string& new_part) {
  size_t place = text.find(old_part);
  EXPECT_NE(place, std::string::npos) << old_part;
  return text.replace(place, old_part.size(), new_part);
}

TEST(Profile, DerivesRolesAndLeavesFixedNamesOut) {
  Profile profile = one({connect_by_urllib3()});
  Right connect = *find_right("connect");
  auto& serving = profile.libraries["pkg:pypi/urllib3@2.0"][Phase::kServing];
  EXPECT_TRUE(serving[Role::kCaller].has(connect));
  EXPECT_TRUE(serving[Role::kStack].has(connect));
  EXPECT_FALSE(serving[Role::kSpawned].has(connect));
  auto& requests = profile.libraries["pkg:pypi/requests@2.31.0"][Phase::kServing];
  EXPECT_FALSE(requests[Role::kCaller].has(connect));
  EXPECT_TRUE(requests[Role::kStack].has(connect));
  EXPECT_TRUE(profile.libraries["application"][Phase::kServing][Role::kSpawned].has(connect));
  for (const char* name : {"runtime", "startup", "unknown"}) EXPECT_EQ(profile.libraries.count(name), 0u);
  EXPECT_TRUE(profile.processes["/usr/bin/python3.11"][Phase::kServing].has(connect));
}

TEST(Profile, FunctionsSeen) {
  Observation direct = connect_by_urllib3();
  direct.right = *find_right("execve");
  direct.direct = "pkg:pypi/deploytool@1 deploytool.ship.run";
  direct.direct_function = "deploytool.ship.run";
  Observation unknown = direct;
  unknown.direct = "unknown x";
  Profile profile = one({direct, unknown, connect_by_urllib3()});
  std::set<std::pair<std::string, std::string>> expected = {{"pkg:pypi/deploytool@1", "deploytool.ship.run"}};
  EXPECT_EQ(functions_seen(profile, LG_GROUP_EXEC), expected);
  EXPECT_TRUE(functions_seen(profile, LG_GROUP_PROCESS).empty());
}

TEST(Profile, RoundTripOfRandomProfiles) {
  for (unsigned seed = 0; seed < 60; seed++) {
    Profile profile = RandomProfile(seed).make(40);
    auto back = parse_profile(to_json(profile), "p.json");
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(*back, profile) << seed;
    EXPECT_EQ(to_json(*back), to_json(profile));
  }
}

TEST(Profile, MergeIsCommutativeAssociativeIdempotent) {
  for (unsigned seed = 0; seed < 40; seed++) {
    RandomProfile random(seed);
    Profile a = random.make(25), b = random.make(25), c = random.make(25);
    EXPECT_EQ(merge(a, b), merge(b, a)) << seed;
    EXPECT_EQ(merge(merge(a, b), c), merge(a, merge(b, c))) << seed;
    EXPECT_EQ(merge(merge(a, b), b), merge(a, b)) << seed;
    EXPECT_EQ(merge(a, a).observations.size(), merge(a, Profile{}).observations.size()) << seed;
    EXPECT_TRUE(is_superset(merge(a, b), a));
    EXPECT_TRUE(is_superset(merge(a, b), b));
  }
}

TEST(Profile, MergeTakesTheHighestCountOfARun) {
  Observation few = connect_by_urllib3(), many = few;
  few.count = 3;
  many.count = 40;
  many.stack.push_back("application|app.main");
  Profile both = merge(one({few}), one({many}));
  ASSERT_EQ(both.observations.size(), 1u);
  EXPECT_EQ(both.observations[0].count, 40u);
  EXPECT_EQ(both.observations[0].stack.size(), 2u);
}

TEST(Profile, SupersetSeesOneMissingRole) {
  Profile a = one({connect_by_urllib3()});
  Observation more = connect_by_urllib3();
  more.caller = "application";
  EXPECT_TRUE(is_superset(a, a));
  EXPECT_FALSE(is_superset(a, one({more})));
}

TEST(Profile, LibrariesMustFollowFromObservations) {
  std::string text = to_json(one({connect_by_urllib3()}));
  auto forged = parse_profile(with(text, R"("caller": ["connect"])", R"("caller": ["connect","execve"])"), "p.json");
  ASSERT_FALSE(forged);
  EXPECT_EQ(forged.error().what, "p.json: libraries.pkg:pypi/urllib3@2.0 does not follow from the observations");
  EXPECT_NE(forged.error().hint.find("never edit"), std::string::npos);
  auto renamed = parse_profile(with(text, R"("pkg:pypi/urllib3@2.0": {)", R"("pkg:pypi/urllib3@2.1": {)"), "p.json");
  ASSERT_FALSE(renamed);
  auto process = parse_profile(with(text, R"("/usr/bin/python3.11": {)", R"("/usr/bin/python3.12": {)"), "p.json");
  ASSERT_FALSE(process);
}

TEST(Profile, UnknownRightIsNamedWithItsPlace) {
  std::string text = to_json(one({connect_by_urllib3()}));
  auto wrong = parse_profile(with(text, R"("right":"connect")", R"("right":"conect")"), "p.json");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().what, "p.json: observations[0].right: unknown right 'conect'");
  EXPECT_EQ(wrong.error().hint, "did you mean 'connect'?");
}

TEST(Profile, PolicyGivenInsteadOfProfile) {
  auto wrong = parse_profile(R"({"version":1,"mode":"enforce"})", "x.json");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().what, "x.json is a policy, not a profile");
}

// Where the schema has a pattern: std::regex goes a call deeper per character.
TEST(Profile, OverlongTextsAreNoStackOverflow) {
  const std::string longest(3'000'000, 'a'), head = R"({"format":"libguard-profile","version":1,"target":{"command":[)";
  const std::string tail = R"(},"libraries":{},"observations":[]})";
  auto command = parse_profile(head + "\"" + longest + "\"]" + tail, "test.json");
  ASSERT_TRUE(command) << command.error().what;
  EXPECT_EQ(command->target.command[0], longest);
  auto starts = parse_profile(head + "],\"serving_starts\":\"function:" + longest + "\"" + tail, "test.json");
  EXPECT_TRUE(starts) << starts.error().what;
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  EXPECT_FALSE(parse_profile(head + "],\"runtimes\":[\"" + longest + "\"," + deep + "]" + tail, "test.json"));
  for (const char* bad : {"\"data\":[\"", "\"data\":[\"a/../"})
    EXPECT_FALSE(parse_profile(head + "]," + bad + longest + "\"]" + tail, "test.json"));
}

TEST(Profile, UnnamedNumbersKeepTheirNumber) {
  Observation seen = connect_by_urllib3();
  seen.right = Right{500};
  auto back = parse_profile(to_json(one({seen})), "p.json");
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(number(back->observations[0].right), 500);
}

TEST(Profile, EveryTruncationIsAnErrorWithAHint) {
  std::string text = to_json(RandomProfile(3).make(12));
  for (size_t length = 0; length + 1 < text.size(); length += 7) {
    auto broken = parse_profile(std::string_view(text).substr(0, length), "p.json");
    ASSERT_FALSE(broken) << length;
    EXPECT_FALSE(broken.error().hint.empty());
    EXPECT_EQ(broken.error().what.rfind("p.json", 0), 0u);
  }
}

TEST(Profile, MutatedFilesNeverCrash) {
  std::string good = to_json(RandomProfile(4).make(8));
  std::mt19937 random(11);
  int refused = 0;
  for (int round = 0; round < 1500; round++) {
    auto result = parse_profile(mutate(good, random), "p.json");
    if (result) continue;
    refused++;
    EXPECT_FALSE(result.error().hint.empty());
    EXPECT_EQ(result.error().what.find('\n'), std::string::npos);
  }
  EXPECT_GT(refused, 750);
}

TEST(Profile, ElevenHundredLibraries) {
  Profile profile;
  for (int i = 0; i < 1100; i++) {
    Observation seen = connect_by_urllib3();
    seen.caller = "pkg:pypi/lib" + std::to_string(i) + "@1.0";
    seen.libraries.push_back(seen.caller);
    profile.observations.push_back(std::move(seen));
  }
  profile.derive();
  auto back = parse_profile(to_json(profile), "p.json");
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->libraries.size(), 1103u);
}

class SavedProfile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/libguard-profile-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    chmod(directory_.c_str(), 0700);
    std::filesystem::remove_all(directory_);
  }
  size_t files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
  }
  std::string directory_;
};

TEST_F(SavedProfile, IsWhatIsLoaded) {
  Profile profile = RandomProfile(9).make(30);
  std::string path = directory_ + "/app.profile.json";
  ASSERT_TRUE(save_profile(profile, path));
  ASSERT_TRUE(save_profile(profile, path));
  auto back = load_profile(path);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, profile);
  EXPECT_EQ(files(), 1u);
}

TEST_F(SavedProfile, MissingDirectoryIsOneClearError) {
  Status status = save_profile(Profile{}, directory_ + "/no/such/p.json");
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().what.find("/no/such/p.json"), std::string::npos);
  EXPECT_FALSE(status.error().hint.empty());
}

TEST_F(SavedProfile, FullDiskLeavesTheOldFile) {
  std::string path = directory_ + "/p.json";
  Profile before = RandomProfile(1).make(3);
  ASSERT_TRUE(save_profile(before, path));
  // A file size limit acts like a full disk, without needing one. In a child, so that nothing else is limited.
  EXPECT_EXIT(
      {
        rlimit limit = {};
        limit.rlim_cur = limit.rlim_max = 200;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        Status status = save_profile(RandomProfile(2).make(50), path);
        _exit(status ? 1 : status.error().hint.empty() ? 2 : 0);
      },
      testing::ExitedWithCode(0), "");
  auto back = load_profile(path);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, before);
  EXPECT_EQ(files(), 1u);
}

TEST_F(SavedProfile, LoadOfAMissingFileNamesIt) {
  auto missing = load_profile(directory_ + "/none.json");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().what.find("/none.json"), std::string::npos);
}

}  // namespace
}  // namespace libguard
