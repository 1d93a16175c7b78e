// SPDX-License-Identifier: Apache-2.0
// Asks an interpreter for its version and for the memory gateways that it can import.
//
// Way:     before any guard.
// Thread:  main thread.
// Failure: an interpreter that does not answer is a bad finding.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include "cli/doctor.h"
#include "core/backend/bpf/python_probes.h"
#include "core/backend/notify/shield.h"
#include "core/library/python_runtime.h"

namespace libguard {
namespace {

constexpr int kOldestMinor = 9, kNewestMinor = 15;

// Prints: executable, version, free-threaded, then the gateways it could import, one a line.
constexpr const char* kQuestions =
    "import sys, sysconfig, importlib.util as u\n"
    "print(sys.executable); print('%d.%d.%d' % sys.version_info[:3])\n"
    "print(int(bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))\n"
    "print(sys.implementation.name)\n"
    "for m in ('ctypes', '_testcapi', '_testinternalcapi', '_testbuffer', 'cffi', '_cffi_backend', 'numpy'):\n"
    "    if u.find_spec(m): print(m)\n";

std::string shell_quoted(const std::string& word) {
  std::string quoted = "'";
  for (char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::vector<std::string> ask(const std::string& python) {
  std::string command = shell_quoted(python) + " -c " + shell_quoted(kQuestions) + " 2>/dev/null";
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string text;
  std::array<char, 4096> block;
  while (pipe && std::fgets(block.data(), block.size(), pipe.get())) text += block.data();
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Finding version_finding(const std::vector<std::string>& lines) {
  int major = 0, minor = 0;
  std::sscanf(lines[1].c_str(), "%d.%d", &major, &minor);
  std::string answer = lines[3] + " " + lines[1] + " at " + lines[0];
  if (lines[3] != "cpython") return {Finding::kBad, "interpreter", answer, "libguard reads the frames of CPython only"};
  if (lines[2] == "1")
    return {Finding::kBad, "interpreter", answer + ", free-threaded", "use the build with the global interpreter lock"};
  if (major != 3 || minor < kOldestMinor || minor > kNewestMinor)
    return {Finding::kBad, "interpreter", answer, "CPython 3.9 to 3.15 are understood"};
  return {Finding::kGood, "interpreter", answer + ", frames read by walk", ""};
}

// What `--feed usdt` would find.
Finding probes_finding(const std::string& python) {
  auto file = interpreter_of(python);
  auto probes = file ? read_probes(*file) : Result<PythonProbes>(tl::unexpected(file.error()));
  if (!probes) return {Finding::kGood, "probes", "none: only the walk knows its stacks", ""};
  const std::string names = "function__entry, function__return";
  if (probes->hides_exceptions)
    return {Finding::kGood, "probes",
            names + ", but none where an exception ends a function: only the walk knows its stacks", ""};
  if (probes->traces_lines)
    return {Finding::kGood, "probes", names + "; whole only while each line is traced: --feed usdt of record", ""};
  return {Finding::kGood, "probes", names + ": --feed usdt of record and run", ""};
}

// Per directory of the interpreter: what keeps it from being changed under enforce.
void examine_code_files(const std::vector<std::string>& lines, std::vector<Finding>* findings) {
  Tree tree("/");
  ResolverOptions options;
  options.trust_new_files = true;
  if (const char* home = std::getenv("HOME")) options.home = home;
  PythonRuntime runtime;
  runtime.executable = tree.real_path(lines[0]).path;
  runtime.invoked_as = lines[0];
  std::sscanf(lines[1].c_str(), "%d.%d", &runtime.major, &runtime.minor);
  PythonDirectories directories = python_directories(tree, options, runtime);
  std::vector<std::string> paths = directories.standard_library;
  paths.insert(paths.end(), directories.site.begin(), directories.site.end());
  Shield shield(true);
  shield.protect(paths);
  for (const Protection& protection : shield.protections()) {
    if (protection.by_landlock)
      findings->push_back({Finding::kGood, "code files", protection.path + ": supervisor's look and Landlock", ""});
    else
      findings->push_back({Finding::kNote, "code files",
                           protection.path + ": supervisor's look; rename, link, unlink, truncate can be raced",
                           "install it where this user cannot make files beside it: docs/threat-model.md"});
  }
}

}  // namespace

std::vector<Finding> examine_python(const std::string& python) {
  std::string name = python.empty() ? "python3" : python;
  std::vector<std::string> lines = ask(name);
  if (lines.size() < 4) {
    Finding::State state = python.empty() ? Finding::kNote : Finding::kBad;
    return {{state, "interpreter", name + " did not answer", "name one with --python PATH"}};
  }
  std::vector<Finding> findings{version_finding(lines)};
  if (findings[0].state != Finding::kBad) examine_code_files(lines, &findings);
  if (findings[0].state != Finding::kBad) findings.push_back(probes_finding(lines[0]));
  std::string gateways;
  for (size_t i = 4; i < lines.size(); i++) gateways += (gateways.empty() ? "" : ", ") + lines[i];
  if (!gateways.empty())
    findings.push_back({Finding::kNote, "memory gateways", gateways + " can be imported",
                        "managed code can become native through them; remove those not needed (docs/threat-model.md)"});
  return findings;
}

}  // namespace libguard
