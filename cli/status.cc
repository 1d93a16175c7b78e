// SPDX-License-Identifier: Apache-2.0
// `libguard status [PID]`: which guards are there, in which mode, with which policy.
//
// Way:     beside the judging: reads the supervisors' announcements.
// Thread:  main thread.
// Failure: a PID that no guard announced: exit 1.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/announcement.h"
#include "cli/verbs.h"

namespace libguard {
namespace {

struct StatusFlags {
  int pid = 0;
  bool json = false;
};

// What is not named here is judged by notify.
std::string kernel_text(const std::vector<std::string>& rights) {
  constexpr size_t kShown = 8;
  std::string text = "judges " + std::to_string(rights.size()) + (rights.size() == 1 ? " right" : " rights");
  for (size_t i = 0; i < std::min(rights.size(), kShown); i++) text += (i == 0 ? ": " : ", ") + rights[i];
  return rights.size() > kShown ? text + " and more (--json)" : text;
}

void print_text(const std::vector<Announced>& guards) {
  if (guards.empty()) std::puts("no guard is running");
  for (const Announced& guard : guards) {
    std::string command;
    for (const std::string& word : guard.command) command += (command.empty() ? "" : " ") + word;
    std::printf("%d  %s%s  backend %s  supervisor %d  since %s\n", guard.program, guard.mode.c_str(),
                guard.recording ? " (recording)" : "", guard.backend.c_str(), guard.supervisor, guard.started.c_str());
    if (guard.abandoned)
      std::printf("    its supervisor died: the kernel goes on refusing; libguard adopt %d, or libguard end %d\n",
                  guard.program, guard.program);
    std::printf("    command  %s\n", command.c_str());
    if (!guard.in_kernel.empty()) std::printf("    kernel   %s\n", kernel_text(guard.in_kernel).c_str());
    if (!guard.policy_path.empty())
      std::printf("    policy   %s  sha256 %.12s\n", guard.policy_path.c_str(), guard.policy_digest.c_str());
    if (!guard.events_path.empty()) std::printf("    events   %s\n", guard.events_path.c_str());
    for (const auto& [path, by] : guard.protections) std::printf("    protects %s  by %s\n", path.c_str(), by.c_str());
  }
}

int run_status(const StatusFlags& flags) {
  std::vector<Announced> guards = read_announcements();
  if (flags.pid != 0) {
    std::vector<Announced> wanted;
    for (Announced& guard : guards)
      if (belongs_to(guard, flags.pid)) wanted.push_back(std::move(guard));
    guards = std::move(wanted);
  }
  if (flags.json)
    std::fputs(to_json_text(guards).c_str(), stdout);
  else
    print_text(guards);
  if (flags.pid != 0 && guards.empty()) {
    std::fprintf(stderr, "libguard: no guard with process %d\nhint: libguard status lists all guards of this user\n",
                 flags.pid);
    return 1;
  }
  return 0;
}

}  // namespace

void add_status(CLI::App& app, Verbs& verbs) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* verb = app.add_subcommand("status", "List the guards that are running");
  verb->add_option("PID", flags->pid, "Only the guard of this process");
  verb->add_flag("--json", flags->json, "One JSON array on stdout");
  verbs.push_back({verb, [flags] { return run_status(*flags); }});
}

}  // namespace libguard
