// SPDX-License-Identifier: Apache-2.0
// Asks the kernel what it has of what libguard needs.
//
// Way:     before any guard.
// Thread:  main thread.
// Failure: what cannot be read is said.
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "cli/doctor.h"
#include "core/backend/notify/shield.h"

namespace libguard {
namespace {

constexpr int kOldestKernel = 5, kOldestKernelMinor = 19;

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

Finding examine_release() {
  utsname name{};
  uname(&name);
  int major = 0, minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  std::string answer = std::string(name.release) + " " + name.machine;
  bool enough = major > kOldestKernel || (major == kOldestKernel && minor >= kOldestKernelMinor);
  if (!enough) return {Finding::kBad, "kernel", answer, "libguard needs Linux 5.19 or newer"};
  if (std::string(name.machine) != "x86_64")
    return {Finding::kBad, "kernel", answer, "libguard knows the system calls of x86-64 only"};
  return {Finding::kGood, "kernel", answer, ""};
}

Finding examine_yama() {
  std::string scope = first_line("/proc/sys/kernel/yama/ptrace_scope");
  if (scope.empty()) return {Finding::kGood, "Yama", "not there: the supervisor may read its programs", ""};
  if (scope == "0") return {Finding::kGood, "Yama", "ptrace_scope 0", ""};
  if (scope == "1")
    return {Finding::kGood, "Yama", "ptrace_scope 1: programs name the supervisor that is not their ancestor", ""};
  return {Finding::kNote, "Yama",
          "ptrace_scope " + scope + ": the supervisor reads its programs " +
              (scope == "2" ? "with CAP_SYS_PTRACE only" : "never"),
          "sysctl kernel.yama.ptrace_scope=1 (3 stays until the next boot); the canary below says whether it works"};
}

Finding examine_own_filter() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("Seccomp:", 0) != 0) continue;
    if (line.find('2') == std::string::npos) return {Finding::kGood, "seccomp here", "no filter is in force", ""};
    return {Finding::kNote, "seccomp here", "a filter is in force already (a container's?)",
            "fine unless it has a listener of its own: then the canary below fails"};
  }
  return {Finding::kBad, "seccomp here", "the kernel does not say", "CONFIG_SECCOMP_FILTER is needed"};
}

// What holds a thread that swaps a path between the supervisor's look and the call.
Finding examine_landlock() {
  int version = landlock_version();
  std::string number = "Landlock " + std::to_string(version);
  if (version >= 3) return {Finding::kGood, "Landlock", number + ": keeps code directories that can be separated", ""};
  if (version == 2)
    return {Finding::kNote, "Landlock", number + ": keeps code directories that can be separated, but for truncate",
            "Linux 6.2 holds truncate too"};
  return {Finding::kNote, "Landlock", "not there: code files are protected by the supervisor's look alone",
          "boot with lsm=landlock,… (CONFIG_SECURITY_LANDLOCK): docs/threat-model.md"};
}

}  // namespace

std::vector<Finding> examine_kernel() {
  return {examine_release(), examine_yama(), examine_own_filter(), examine_landlock()};
}

}  // namespace libguard
