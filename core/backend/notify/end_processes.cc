// SPDX-License-Identifier: Apache-2.0
// First all are stopped, so that nobody makes another one, then all are killed.
//
// Way:     see end_processes.h.
// Thread:  see end_processes.h.
// Failure: see end_processes.h.
#include "core/backend/end_processes.h"

#include <signal.h>

#include <filesystem>
#include <set>
#include <string>

#include "core/backend/notify/proc.h"

namespace libguard {
namespace {

constexpr int kRounds = 100;
constexpr size_t kMaxText = 1 << 20;

void add_children(pid_t pid, std::vector<pid_t>& all) {
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", error)) {
    const std::string text =
        read_proc_file(pid, ("task/" + task.path().filename().string() + "/children").c_str(), kMaxText);
    for (const char* at = text.c_str(); *at != 0;) {
      char* next = nullptr;
      const long child = std::strtol(at, &next, 10);
      if (next == at) break;
      all.push_back(static_cast<pid_t>(child));
      at = next + (*next == ' ');
    }
  }
}

}  // namespace

std::vector<pid_t> with_children(std::vector<pid_t> pids) {
  for (size_t i = 0; i < pids.size(); i++) add_children(pids[i], pids);
  return pids;
}

void end_processes(const std::function<std::vector<pid_t>()>& list) {
  std::set<pid_t> stopped;
  for (int round = 0; round < kRounds; round++) {
    const size_t before = stopped.size();
    for (pid_t pid : list())
      if (stopped.insert(pid).second) kill(pid, SIGSTOP);
    if (stopped.size() == before) break;
  }
  for (pid_t pid : stopped) kill(pid, SIGKILL);
}

}  // namespace libguard
