// SPDX-License-Identifier: Apache-2.0
// Files to libraries: places, trust by time, bytecode, links, virtual environments.
#include "core/library/resolver.h"
#include "tests/unit/library_fixture.h"

namespace libguard {
namespace {

constexpr const char* kDist = "/usr/lib/python3/dist-packages";

class ResolverTest : public LibraryFixture {
 protected:
  // Debian's Python, a virtual environment in a project, a user site.
  ResolverTest() {
    write("/usr/bin/python3.11", "");
    link("python3.11", "/usr/bin/python3");
    write("/usr/lib/python3.11/subprocess.py");
    write("/usr/lib/python3.11/asyncio/events.py");
    write("/usr/lib/python3.11/lib-dynload/_socket.cpython-311-x86_64-linux-gnu.so", "");
    write("/etc/python3.11/sitecustomize.py");
    link("/etc/python3.11/sitecustomize.py", "/usr/lib/python3.11/sitecustomize.py");
    install(kDist, "yaml", "6.0", {"yaml/__init__.py", "yaml/_yaml.cpython-311-x86_64-linux-gnu.so"});
    install("/usr/local/lib/python3.11/dist-packages", "local", "1", {"local.py"});
    install("/home/me/.local/lib/python3.11/site-packages", "mine", "1", {"mine.py"});
    write("/project/app.py");
    write("/project/pkg/__init__.py");
    write("/project/venv/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n");
    link("/usr/bin/python3", "/project/venv/bin/python");
    install(kVenvSite, "flask", "3.0", {"flask/app.py"});
    write(std::string(kVenvSite) + "/stray.py");
    link("lib", "/project/venv/lib64");
    options_.application_dir = "/project";
    options_.home = "/home/me";
  }
  void begin(const std::string& invoked_as = "/project/venv/bin/python") {
    start();
    resolver_ = std::make_unique<Resolver>(options_, table_);
    resolver_->add_python({"/usr/bin/python3.11", invoked_as, 3, 11});
  }
  std::string source(const std::string& path) {
    Resolved resolved = resolver_->resolve_source(path);
    EXPECT_EQ(resolved.trusted, resolved.library != LibraryId::kUnknown);
    return purl(resolved.library) + " " + resolved.module;
  }
  bool bytecode(const std::string& path) { return resolver_->resolve_bytecode(path).trusted; }

  static constexpr const char* kVenvSite = "/project/venv/lib/python3.11/site-packages";
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, StandardLibrary) {
  begin();
  EXPECT_EQ(source("/usr/lib/python3.11/subprocess.py"), "runtime subprocess");
  EXPECT_EQ(source("/usr/lib/python3.11/asyncio/events.py"), "runtime asyncio.events");
  EXPECT_EQ(source("/usr/lib/python3.11/sitecustomize.py"), "runtime sitecustomize");
  Resolved socket =
      resolver_->resolve_extension("/usr/lib/python3.11/lib-dynload/_socket.cpython-311-x86_64-linux-gnu.so");
  EXPECT_EQ(socket.library, LibraryId::kRuntime);
  EXPECT_EQ(socket.module, "_socket");
  EXPECT_EQ(resolver_->resolve_frozen("os").library, LibraryId::kRuntime);
  EXPECT_EQ(resolver_->resolve_frozen("os").module, "os");
}

// Old enough to be trusted, and still anybody's: an earlier run may have written it.
TEST_F(ResolverTest, NothingInADirectoryOfDataIsTheApplications) {
  write("/project/data/planted.py");
  write("/project/data/pkg/__init__.py");
  write("/project/data/_fast.cpython-311-x86_64-linux-gnu.so", "");
  write("/project/datum.py");
  link("/project/data/planted.py", "/project/linked.py");
  options_.data_directories = {"/project/data"};
  begin();
  for (const char* path : {"/project/data/planted.py", "/project/data/pkg/__init__.py", "/project/linked.py"})
    EXPECT_EQ(resolver_->resolve_source(path).library, LibraryId::kUnknown) << path;
  const char* extension = "/project/data/_fast.cpython-311-x86_64-linux-gnu.so";
  EXPECT_EQ(resolver_->resolve_extension(extension).library, LibraryId::kUnknown);
  EXPECT_EQ(resolver_->resolve_native(extension).library, LibraryId::kUnknown);
  EXPECT_EQ(source("/project/datum.py"), "application datum");
}

TEST_F(ResolverTest, RuntimeModulesVouch) {
  begin();
  EXPECT_NE(resolver_->resolve_source("/usr/lib/python3.11/subprocess.py").vouching, 0);
  EXPECT_EQ(resolver_->resolve_source("/usr/lib/python3.11/asyncio/events.py").vouching, LG_VOUCH_TRAMPOLINE)
      << "a trampoline";
  EXPECT_NE(resolver_->resolve_frozen("importlib._bootstrap").vouching & LG_VOUCH_IMPORT, 0);
  EXPECT_EQ(resolver_->resolve_source("/project/app.py").vouching, 0);
}

TEST_F(ResolverTest, VirtualEnvironment) {
  begin();
  EXPECT_EQ(source(std::string(kVenvSite) + "/flask/app.py"), "pkg:pypi/flask@3.0 flask.app");
  EXPECT_EQ(source("/project/venv/lib64/python3.11/site-packages/flask/app.py"), "pkg:pypi/flask@3.0 flask.app");
  EXPECT_EQ(source(std::string(kVenvSite) + "/stray.py"), "unknown ");
  EXPECT_EQ(source(std::string(kDist) + "/yaml/__init__.py"), "unknown ") << "no system packages in this environment";
  EXPECT_EQ(source("/home/me/.local/lib/python3.11/site-packages/mine.py"), "unknown ");
}

TEST_F(ResolverTest, ScriptsOfAnEnvironment) {
  install(kVenvSite, "tool", "1", {"tool/__init__.py"}, "../../../bin/tool,,\n");
  write("/project/venv/bin/tool");
  write("/project/venv/bin/other");
  begin();
  EXPECT_EQ(source("/project/venv/bin/tool"), "pkg:pypi/tool@1 bin.tool");
  EXPECT_EQ(source("/project/venv/bin/other"), "unknown ") << "no distribution brought it";
  begin("/usr/bin/python3");
  EXPECT_EQ(source("/project/venv/bin/tool"), "unknown ") << "another interpreter's environment";
}

TEST_F(ResolverTest, SystemSitePackages) {
  write("/project/venv/pyvenv.cfg", "home = /usr/bin\nInclude-System-Site-Packages = TRUE\n");
  begin();
  EXPECT_EQ(source(std::string(kVenvSite) + "/flask/app.py"), "pkg:pypi/flask@3.0 flask.app");
  EXPECT_EQ(source(std::string(kDist) + "/yaml/__init__.py"), "pkg:pypi/yaml@6.0 yaml");
}

TEST_F(ResolverTest, DebianSiteDirectories) {
  begin("/usr/bin/python3");
  EXPECT_EQ(source(std::string(kDist) + "/yaml/__init__.py"), "pkg:pypi/yaml@6.0 yaml");
  EXPECT_EQ(source("/usr/local/lib/python3.11/dist-packages/local.py"), "pkg:pypi/local@1 local");
  EXPECT_EQ(source("/home/me/.local/lib/python3.11/site-packages/mine.py"), "pkg:pypi/mine@1 mine");
  EXPECT_EQ(source(std::string(kVenvSite) + "/flask/app.py"), "unknown ") << "a foreign environment in the project";
}

TEST_F(ResolverTest, AnEnvironmentMadeAfterTheStartIsIgnored) {
  start();
  write("/late/pyvenv.cfg", "home = /usr/bin\n");
  link("/usr/bin/python3", "/late/bin/python");
  install("/late/lib/python3.11/site-packages", "evil", "1", {"evil.py"});
  resolver_ = std::make_unique<Resolver>(options_, table_);
  resolver_->add_python({"/usr/bin/python3.11", "/late/bin/python", 3, 11});
  EXPECT_EQ(source("/late/lib/python3.11/site-packages/evil.py"), "unknown ");
}

TEST_F(ResolverTest, AProgramThatHoldsAnInterpreter) {
  write("/project/venv/bin/server", "");
  write("/usr/lib/python3.11/os.py");
  write("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0", "");
  start();
  resolver_ = std::make_unique<Resolver>(options_, table_);
  resolver_->add_python({"/project/venv/bin/server", "/project/venv/bin/server", 3, 11,
                         "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"});
  EXPECT_EQ(source("/usr/lib/python3.11/subprocess.py"), "runtime subprocess");
  EXPECT_EQ(source(std::string(kVenvSite) + "/flask/app.py"), "pkg:pypi/flask@3.0 flask.app");
  EXPECT_EQ(resolver_->resolve_native("/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0").library, LibraryId::kRuntime);
  EXPECT_NE(resolver_->resolve_native("/project/venv/bin/server").library, LibraryId::kRuntime) << "it is itself";
}

TEST_F(ResolverTest, Application) {
  write("/project/app.pyz", "PK");
  begin();
  EXPECT_EQ(source("/project/app.pyz/__main__.py"), "application app.pyz.__main__") << "an archive is no environment";
  EXPECT_EQ(source("/project/app.py"), "application app");
  EXPECT_EQ(source("/project/pkg/__init__.py"), "application pkg");
  write("/project/new.py");
  EXPECT_EQ(source("/project/new.py"), "unknown ") << "newer than the guard";
  std::filesystem::rename(root_ + "/project/app.py", root_ + "/project/renamed.py");
  EXPECT_EQ(source("/project/renamed.py"), "unknown ") << "a new name is a change";
  EXPECT_EQ(source("/project/absent.py"), "unknown ");
  EXPECT_EQ(source("project/app.py"), "unknown ");
  EXPECT_EQ(source(""), "unknown ");
}

TEST_F(ResolverTest, ChangedFilesLoseTheirLibrary) {
  begin();
  EXPECT_EQ(source(std::string(kVenvSite) + "/flask/app.py"), "pkg:pypi/flask@3.0 flask.app");
  write(std::string(kVenvSite) + "/flask/app.py", "import os\n");
  EXPECT_EQ(source(std::string(kVenvSite) + "/flask/app.py"), "unknown ");
}

TEST_F(ResolverTest, RecordingTrustsNewFiles) {
  options_.trust_new_files = true;
  begin();
  write("/project/new.py");
  EXPECT_EQ(source("/project/new.py"), "application new");
}

TEST_F(ResolverTest, LinksMadeLaterLeadNowhere) {
  write("/elsewhere/old.py");
  begin();
  link("/elsewhere", "/project/linked");
  link("/elsewhere/old.py", "/project/old.py");
  EXPECT_EQ(source("/project/linked/old.py"), "unknown ");
  EXPECT_EQ(source("/project/old.py"), "unknown ");
  EXPECT_EQ(source("/project/linked/../project/app.py"), "unknown ") << "'..' goes where the kernel goes";
  EXPECT_EQ(source("/project/pkg/../app.py"), "application app");
}

TEST_F(ResolverTest, BytecodeAtItsDefaultPlace) {
  write("/project/__pycache__/app.cpython-311.pyc");
  write("/project/__pycache__/app.cpython-311.opt-1.pyc");
  write("/project/__pycache__/ghost.cpython-311.pyc");
  write("/cache/project/app.cpython-311.pyc");
  write("/project/sourceless.pyc");
  begin();
  EXPECT_TRUE(bytecode("/project/__pycache__/app.cpython-311.pyc"));
  EXPECT_TRUE(bytecode("/project/__pycache__/app.cpython-311.opt-1.pyc"));
  EXPECT_FALSE(bytecode("/project/__pycache__/ghost.cpython-311.pyc")) << "no source beside it";
  EXPECT_FALSE(bytecode("/cache/project/app.cpython-311.pyc")) << "pycache_prefix";
  EXPECT_FALSE(bytecode("/project/sourceless.pyc"));
  EXPECT_EQ(resolver_->resolve_bytecode("/project/__pycache__/app.cpython-311.pyc").module, "app");
  write("/project/__pycache__/app.cpython-311.pyc", "forged");
  EXPECT_FALSE(bytecode("/project/__pycache__/app.cpython-311.pyc"));
}

TEST_F(ResolverTest, SourcelessOnlyWhereRecordOrDpkgListsIt) {
  install(kVenvSite, "closed", "1", {"closed/secret.pyc"});
  write(std::string(kVenvSite) + "/closed/planted.pyc");
  write("/usr/lib/python3.11/listed.pyc");
  write("/usr/lib/python3.11/unlisted.pyc");
  write("/var/lib/dpkg/info/python3.11.list", "/usr/lib/python3.11/listed.pyc\n");
  begin();
  EXPECT_TRUE(bytecode(std::string(kVenvSite) + "/closed/secret.pyc"));
  EXPECT_FALSE(bytecode(std::string(kVenvSite) + "/closed/planted.pyc"));
  EXPECT_TRUE(bytecode("/usr/lib/python3.11/listed.pyc"));
  EXPECT_FALSE(bytecode("/usr/lib/python3.11/unlisted.pyc"));
}

TEST_F(ResolverTest, NativeOwnersAndExecutables) {
  write("/var/lib/dpkg/info/libc6:amd64.list", "/lib/x86_64-linux-gnu/libc.so.6\n");
  write("/var/lib/dpkg/info/git.list", "/usr/bin/git\n");
  write("/var/lib/dpkg/status", "Package: git\nVersion: 2\n\nPackage: libc6\nVersion: 3\n");
  for (const char* path : {"/usr/lib/x86_64-linux-gnu/libc.so.6", "/usr/bin/git", "/opt/tool", "/opt/libx.so"})
    write(path, "");
  begin("/usr/bin/python3");
  auto native = resolver_->resolve_native("/usr/lib/x86_64-linux-gnu/libc.so.6");
  EXPECT_EQ(purl(native.library), "pkg:deb/debian/libc6@3");
  EXPECT_TRUE(native.transparent);
  native = resolver_->resolve_native(std::string(kDist) + "/yaml/_yaml.cpython-311-x86_64-linux-gnu.so");
  EXPECT_EQ(purl(native.library), "pkg:pypi/yaml@6.0");
  EXPECT_FALSE(native.transparent);
  native = resolver_->resolve_native("/usr/bin/python3.11");
  EXPECT_EQ(native.library, LibraryId::kRuntime);
  EXPECT_TRUE(native.transparent);
  native = resolver_->resolve_native("/opt/libx.so");
  EXPECT_EQ(purl(native.library), "pkg:generic/libx.so");
  EXPECT_FALSE(native.transparent);
  EXPECT_EQ(purl(resolver_->resolve_executable("/usr/bin/git")), "pkg:deb/debian/git@2");
  EXPECT_EQ(purl(resolver_->resolve_executable("/opt/tool")), "pkg:generic/tool");
  write("/opt/dropped", "");
  EXPECT_EQ(resolver_->resolve_executable("/opt/dropped"), LibraryId::kUnknown);
  EXPECT_EQ(resolver_->resolve_native("/opt/dropped").library, LibraryId::kUnknown);
}

TEST_F(ResolverTest, CommandText) {
  begin();
  EXPECT_EQ(resolver_->resolve_command("from multiprocessing.resource_tracker import main;main(4)").library,
            LibraryId::kRuntime);
  EXPECT_EQ(resolver_->resolve_command("import os").library, LibraryId::kUnknown);
}

TEST_F(ResolverTest, CodeDirectories) {
  begin();
  std::vector<std::string> directories = resolver_->code_directories();
  for (const char* directory : {"/project", "/usr/lib/python3.11", kVenvSite})
    EXPECT_NE(std::find(directories.begin(), directories.end(), directory), directories.end()) << directory;
}

TEST_F(ResolverTest, NumbersAreOnlyTakenByLibrariesThatAreMet) {
  begin("/usr/bin/python3");
  EXPECT_EQ(table_.size(), 4u);
  source(std::string(kDist) + "/yaml/__init__.py");
  EXPECT_EQ(table_.size(), 5u);
}

}  // namespace
}  // namespace libguard
