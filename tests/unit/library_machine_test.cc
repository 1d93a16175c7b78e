// SPDX-License-Identifier: Apache-2.0
// The resolver on interpreters that are installed here: it names what the interpreter itself imports.
#include <algorithm>
#include <cstdio>
#include <sstream>

#include "core/library/dpkg.h"
#include "core/library/purl.h"
#include "tests/unit/library_fixture.h"

namespace libguard {
namespace {

std::string output_of(const std::string& command) {
  std::string text;
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  char buffer[4096];
  while (pipe && std::fgets(buffer, sizeof buffer, pipe.get())) text += buffer;
  return text;
}

// Debian's own interpreter and those of pyenv.
std::vector<std::string> interpreters() {
  std::vector<std::string> found;
  std::istringstream lines(output_of(
      "for p in /usr/bin/python3.11 $(ls -d \"${PYENV_ROOT:-$HOME/.pyenv}\"/versions/3.*/bin/python3 2>/dev/null); do "
      "[ -x $p ] && $p -c 'import sys, os; v = sys.version_info; print(os.path.realpath(sys.executable), v[0], v[1])'; "
      "done"));
  for (std::string line; std::getline(lines, line);) found.push_back(line);
  return found;
}

constexpr const char* kListModules = R"(
import sys, pip._vendor.requests, asyncio, json, sqlite3, xml.etree.ElementTree
for name, module in sorted(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    if spec and spec.has_location and name != "__main__" and module.__file__ == spec.origin: print(spec.name, spec.origin)
)";

TEST(ResolverOnThisMachine, NamesWhatInterpretersImport) {
  ASSERT_FALSE(interpreters().empty());
  for (const std::string& line : interpreters()) {
    PythonRuntime runtime;
    std::istringstream(line) >> runtime.executable >> runtime.major >> runtime.minor;
    if (runtime.minor < 9) continue;
    runtime.invoked_as = runtime.executable;
    LibraryTable table;
    ResolverOptions options;
    options.trust_new_files = true;
    auto before = std::chrono::steady_clock::now();
    Resolver resolver(options, table);
    resolver.add_python(runtime);
    double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
    std::istringstream modules(output_of(runtime.executable + " -I -c '" + kListModules + "'"));
    int runtime_count = 0, pip_count = 0;
    before = std::chrono::steady_clock::now();
    for (std::string name, file; modules >> name >> file;) {
      Resolved resolved = file.ends_with(".py") ? resolver.resolve_source(file) : resolver.resolve_extension(file);
      const std::string& purl = table.at(resolved.library).purl;
      bool pip = file.find("-packages/pip/") != std::string::npos;
      if (file.find("-packages/") != std::string::npos && !pip) continue;  // what this machine's .pth files bring
      EXPECT_EQ(strip_version(purl), pip ? "pkg:pypi/pip" : "runtime") << name << " " << file;
      if (name != "os.path") {
        EXPECT_EQ(resolved.module, name) << file;
      }
      (pip ? pip_count : runtime_count)++;
    }
    double each = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - before).count() /
                  std::max(1, runtime_count + pip_count);
    std::printf("%s: %.1f ms to know the interpreter, %.1f us a file, %d runtime, %d pip\n", runtime.executable.c_str(),
                ms, each, runtime_count, pip_count);
    EXPECT_GT(runtime_count, 50) << line;
    EXPECT_GT(pip_count, 30) << line;
  }
}

TEST(DpkgOnThisMachine, AgreesWithDpkgItself) {
  std::string libc = output_of("ldd /usr/bin/env | awk '/libc.so/{print $3}' | xargs realpath");
  libc.pop_back();
  Tree tree("/");
  Dpkg dpkg(tree);
  for (const std::string& path : {std::string("/usr/bin/env"), std::string("/usr/bin/dash"), libc}) {
    std::string twin = path.starts_with("/usr/") ? path.substr(4) : "/usr" + path;
    std::string package = output_of("dpkg -S " + path + " " + twin + " 2>/dev/null | grep -v '^diversion' | head -1");
    package = package.substr(0, package.find(':'));
    std::string version = output_of("dpkg-query -W -f '${Version}\n' " + package + " | head -1");
    version.pop_back();
    auto owner = dpkg.owner_of(path);
    ASSERT_TRUE(owner) << path;
    auto purl = parse_purl(*owner);
    ASSERT_TRUE(purl) << *owner;
    EXPECT_EQ(purl->name, package) << path;
    EXPECT_EQ(purl->version, version) << path;
  }
  Dpkg again(tree);
  auto before = std::chrono::steady_clock::now();
  again.owner_of("/usr/bin/env");
  double ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count();
  std::printf("dpkg: %.1f ms for the first question, %zu paths\n", ms, again.files());
}

}  // namespace
}  // namespace libguard
