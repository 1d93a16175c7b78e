// SPDX-License-Identifier: Apache-2.0
// The choice of the application's directory.
#include "core/library/application.h"
#include "tests/unit/library_fixture.h"

namespace libguard {
namespace {

class ChooseApplication : public LibraryFixture {
 protected:
  ChooseApplication() {
    write("/home/me/project/app.py");
    write("/home/me/project/sub/tool.py");
    write("/usr/bin/gunicorn", "#!/usr/bin/python3\n");
    write("/usr/bin/python3", "");
    write("/tmp/script.py");
    write("/tmp/build/script.py");
    write("/app.py");
    write("/home/me/loose.py");
    write("/scratch/x.py");
    link("/home/me/project", "/link");
  }
  std::string choose(std::vector<std::string> command, const std::string& cwd, const std::string& app = {}) {
    auto chosen = choose_application_dir({std::move(command), cwd, "/home/me", app, "/scratch"}, Tree(root_));
    if (chosen) return *chosen;
    EXPECT_NE(chosen.error().hint.find("--app"), std::string::npos);
    return "error";
  }
};

TEST_F(ChooseApplication, DirectoryOfMain) {
  EXPECT_EQ(choose({"python3", "app.py"}, "/home/me/project"), "/home/me/project");
  EXPECT_EQ(
      choose({"/usr/bin/python3.11", "-u", "-X", "dev", "-Wignore", "sub/tool.py", "-m", "x"}, "/home/me/project"),
      "/home/me/project/sub");
  EXPECT_EQ(choose({"python3", "-W", "ignore", "--", "/link/app.py"}, "/usr"), "/home/me/project");
  EXPECT_EQ(choose({"python3", "sub"}, "/home/me/project"), "/home/me/project/sub");
  EXPECT_EQ(choose({"./sub/tool.py"}, "/home/me/project"), "/home/me/project/sub");
  EXPECT_EQ(choose({"python3", "/tmp/build/script.py"}, "/"), "/tmp/build");
}

TEST_F(ChooseApplication, WorkingDirectoryWithoutAScript) {
  for (std::vector<std::string> command : std::vector<std::vector<std::string>>{{"python3", "-m", "http.server"},
                                                                                {"python3", "-c", "1"},
                                                                                {"python3", "-Im", "x"},
                                                                                {"python3"},
                                                                                {"python3", "-"},
                                                                                {"gunicorn", "app:app"},
                                                                                {"/usr/bin/gunicorn", "app:app"},
                                                                                {"python3", "/usr/bin/gunicorn"},
                                                                                {"sh", "-c", "x"}})
    EXPECT_EQ(choose(command, "/home/me/project"), "/home/me/project") << command[0];
}

TEST_F(ChooseApplication, RefusesWhatHoldsMore) {
  EXPECT_EQ(choose({"python3", "/app.py"}, "/home/me/project"), "error");
  EXPECT_EQ(choose({"python3", "loose.py"}, "/home/me"), "error");
  EXPECT_EQ(choose({"python3", "/tmp/script.py"}, "/home/me/project"), "error");
  EXPECT_EQ(choose({"python3", "/scratch/x.py"}, "/home/me/project"), "error");
  EXPECT_EQ(choose({"python3", "-m", "x"}, "/"), "error");
  EXPECT_EQ(choose({"python3", "-m", "x"}, "/usr/bin"), "error");
}

TEST_F(ChooseApplication, ExplicitDirectoryWins) {
  EXPECT_EQ(choose({"python3", "/app.py"}, "/", "/link"), "/home/me/project");
  EXPECT_EQ(choose({"python3", "x"}, "/home/me", "project"), "/home/me/project");
  EXPECT_EQ(choose({"python3", "x"}, "/", "/home/me"), "/home/me");
  EXPECT_EQ(choose({"python3", "x"}, "/", "/"), "error");
  EXPECT_EQ(choose({"python3", "x"}, "/", "/absent"), "error");
}

}  // namespace
}  // namespace libguard
