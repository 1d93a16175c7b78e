// SPDX-License-Identifier: Apache-2.0
// Drives libguard_preload.so under a fake supervisor, with every CPython of this machine: the scripts in client/ say
// what they expect of the code table, the operations and the hand-offs, and fail by themselves.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "client/fake_supervisor.h"
#include "client/pythons.h"

namespace libguard::test {
namespace {

namespace fs = std::filesystem;

constexpr uint16_t kLibA = kFirstTestLibrary, kLibB = kFirstTestLibrary + 1;

const std::vector<PythonFound>& pythons() {
  static const std::vector<PythonFound> all = find_pythons();
  return all;
}

// A site directory with two libraries and a young file, an application directory, and what they need.
class ClientTest : public testing::TestWithParam<PythonFound> {
 protected:
  void SetUp() override {
    char name[] = "/tmp/libguard_client.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    base_ = name;
    fs::copy(fs::path(TEST_DATA) / "site", base_ / "site", fs::copy_options::recursive);
    fs::copy(fs::path(TEST_DATA) / "app", base_ / "app", fs::copy_options::recursive);
    fs::create_directory(base_ / "young");
    environment_ = {{"PYTHONPATH", (base_ / "site").string()},
                    {"BASE", base_.string()},
                    {"HOME", base_.string()},
                    {"PYTHONDONTWRITEBYTECODE", ""}};
  }
  void TearDown() override { fs::remove_all(base_); }

  FakeSupervisor supervisor() {
    return FakeSupervisor({{GetParam().stdlib, LG_RUNTIME, true, ""},
                           {GetParam().stdlib + "/site-packages", LG_UNKNOWN, false, ""},
                           {(base_ / "site/liba").string(), kLibA, true, "liba"},
                           {(base_ / "site/libb").string(), kLibB, true, "libb"},
                           {(base_ / "site/young").string(), kLibB, false, "young"},
                           {(base_ / "app").string(), LG_APPLICATION, true, ""}});
  }

  ProgramResult run_script(FakeSupervisor& supervisor, const std::string& script) {
    return supervisor.run({GetParam().program, (base_ / "app" / script).string()}, environment_, CLIENT);
  }

  void expect_success(const std::string& script) {
    FakeSupervisor fake = supervisor();
    ProgramResult result = run_script(fake, script);
    EXPECT_EQ(result.status, 0) << result.out;
    EXPECT_EQ(result.hellos, 1);
  }

  fs::path base_;
  std::map<std::string, std::string> environment_;
};

TEST_P(ClientTest, CodeOfFilesBelongsToTheirLibrary) { expect_success("identity.py"); }
TEST_P(ClientTest, CodeMadeAtRunTimeBelongsToItsCreator) { expect_success("dynamic.py"); }
TEST_P(ClientTest, ForgedCodeIsNeverAnotherLibrarys) {
  FakeSupervisor fake = supervisor();
  fake.commands_of_runtime = "the runtime's own";
  ProgramResult result = run_script(fake, "forgery.py");
  EXPECT_EQ(result.status, 0) << result.out;
}
TEST_P(ClientTest, FreedCodeLosesItsEntryBeforeItsMemory) { expect_success("freed.py"); }
TEST_P(ClientTest, RuntimeOperationsAreAskedFor) { expect_success("operations.py"); }
TEST_P(ClientTest, HandOffsAreNotedEnteredLeftAndReleased) { expect_success("handoff.py"); }
TEST_P(ClientTest, SubInterpretersAreCovered) { expect_success("interpreters.py"); }
TEST_P(ClientTest, CodeInArchivesIsComparedWithThem) { expect_success("archives.py"); }
TEST_P(ClientTest, StartupLinesBelongToTheirFilesLibrary) { expect_success("lines.py"); }
TEST_P(ClientTest, ForkedChildrenKeepTheArea) { expect_success("forks.py"); }

TEST_P(ClientTest, CompiledFilesAreReadFromTheCacheToo) {
  FakeSupervisor fake = supervisor();
  EXPECT_EQ(run_script(fake, "identity.py").status, 0);
  EXPECT_TRUE(fs::exists(base_ / "site/liba/__pycache__"));
  ProgramResult second = run_script(fake, "identity.py");
  EXPECT_EQ(second.status, 0) << second.out;
}

TEST_P(ClientTest, EnforceKeepsBytecodeUnwritten) {
  FakeSupervisor fake = supervisor();
  fake.enforce = true;
  ProgramResult result =
      fake.run({GetParam().program, "-c", "import sys, liba; print(sys.dont_write_bytecode)"}, environment_, CLIENT);
  EXPECT_EQ(result.out, "True\n");
  EXPECT_FALSE(fs::exists(base_ / "site/liba/__pycache__"));
}

TEST_P(ClientTest, CommandTextIsUnknownUnlessItIsTheRuntimesOwn) {
  FakeSupervisor fake = supervisor();
  std::string text = "import sys; sys.path.insert(0, '" + (base_ / "app").string() +
                     "'); import probe; f = lambda: 0; print(probe.entry(f.__code__))";
  ProgramResult foreign = fake.run({GetParam().program, "-c", text}, environment_, CLIENT);
  EXPECT_EQ(foreign.out, "0 -\n");
  FakeSupervisor other = supervisor();
  other.commands_of_runtime = text + "\n";  // as Python announces it
  ProgramResult own = other.run({GetParam().program, "-c", text}, environment_, CLIENT);
  EXPECT_EQ(own.out, "2 __main__.<lambda>\n");
}

TEST_P(ClientTest, RefusedHelloRefusesToStart) {
  FakeSupervisor fake = supervisor();
  fake.answers_hello = false;
  ProgramResult result = fake.run({GetParam().program, "-c", "print('ran')"}, environment_, CLIENT);
  EXPECT_EQ(result.status, 125);
  EXPECT_EQ(result.out.rfind("libguard: ", 0), 0u) << result.out;
  EXPECT_EQ(result.out.find("ran"), std::string::npos);
}

TEST_P(ClientTest, NothingHappensOutsideOfAGuard) {
  std::string out = output_of("LD_PRELOAD=" CLIENT " " + GetParam().program +
                              " -c 'import io, marshal; f = io.open_code(marshal.__spec__.origin and \"/dev/null\");"
                              " print(type(f).__name__)'");
  EXPECT_EQ(out, "BufferedReader");
}

// The program calls on while the supervisor is slow and a timer fires every half millisecond.
TEST_P(ClientTest, SignalsDoNotShowInPathCalls) {
  FakeSupervisor fake = supervisor();
  fake.holds_path_calls = true;
  ProgramResult result = run_script(fake, "signals.py");
  EXPECT_EQ(result.status, 0) << result.out;
  std::printf("%s", result.out.c_str());
}

// Interleaved runs, the fastest of each, processor time of the program: what tagging and asking cost when everything
// is imported at once.
TEST_P(ClientTest, ImportsCostLittleMore) {
  environment_["PYTHONPATH"] = "";
  double plain = 1e9, guarded = 1e9;
  std::string script = (base_ / "app/imports.py").string();
  for (int round = 0; round < 6; round++) {
    plain = std::min(
        plain, atof(output_of("PYTHONPATH= PYTHONDONTWRITEBYTECODE= " + GetParam().program + " " + script).c_str()));
    FakeSupervisor fake = supervisor();
    ProgramResult result = fake.run({GetParam().program, script}, environment_, CLIENT);
    ASSERT_EQ(result.status, 0) << result.out;
    guarded = std::min(guarded, atof(result.out.c_str()));
  }
  std::printf("imports: %.1f ms, with the client %.1f ms: x%.3f\n", plain, guarded, guarded / plain);
  EXPECT_LT(guarded, plain * 5) << "tagging must not change what an import costs; the figure itself is printed above";
}

std::string name_of(const testing::TestParamInfo<PythonFound>& info) {
  std::string name = "CPython_" + info.param.version;
  for (char& c : name)
    if (!isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, ClientTest, testing::ValuesIn(pythons()), name_of);

TEST(ClientPythons, AtLeastOneIsHere) { EXPECT_FALSE(pythons().empty()); }

}  // namespace
}  // namespace libguard::test
