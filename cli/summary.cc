// SPDX-License-Identifier: Apache-2.0
// The last lines on stderr, and the summary file.
//
// Way:     see summary.h.
// Thread:  main thread.
// Failure: none.
#include "cli/summary.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "core/event/format.h"

namespace libguard {

Counters losses_of(const Counters& counters) {
  // The other counters are amounts of work.
  static const std::set<std::string> kLosses = {"unknown_makers",
                                                "unmet",
                                                "unknown_images",
                                                "handoffs_lost",
                                                "native_scans_failed",
                                                "pushes_unread",
                                                "pushes_lost",
                                                "kernel_pushes_lost",
                                                "kernel_refusals_lost",
                                                "kernel_feeds_lost",
                                                "kernel_passed_over",
                                                "descriptors_lost",
                                                "unknown_frames",
                                                "faults",
                                                "truncated",
                                                "kernel_states_lost",
                                                "kernel_pairs_lost",
                                                "kernel_events_lost",
                                                "kernel_threads_lost",
                                                "kernel_processes_lost",
                                                "kernel_unknown_makers",
                                                "kernel_unknown_frames",
                                                "kernel_faults",
                                                "kernel_truncated",
                                                "kernel_unordered",
                                                "kernel_handed_over_lost"};
  Counters losses;
  for (const auto& [cause, count] : counters)
    if (count != 0 && kLosses.count(cause)) losses.emplace(cause, count);
  return losses;
}

void print_summary(const Guard::Summary& summary, const GuardFlags& flags, const NotifyBackend& backend) {
  std::string losses;
  for (const auto& [cause, count] : summary.losses) losses += " " + cause + " " + std::to_string(count);
  if (summary.profile) {
    size_t libraries = summary.profile->libraries.size();
    std::fprintf(stderr, "libguard: %zu libraries, %zu observations, %llu calls written to %s\n", libraries,
                 summary.profile->observations.size(), static_cast<unsigned long long>(backend.calls()),
                 flags.profile.c_str());
  } else if (summary.deviations != 0) {
    std::fprintf(stderr, "libguard: %llu deviation%s of %zu kind%s%s%s\n",
                 static_cast<unsigned long long>(summary.deviations), summary.deviations == 1 ? "" : "s", summary.kinds,
                 summary.kinds == 1 ? "" : "s", flags.events.empty() ? "" : "; explain them: libguard explain ",
                 flags.events.c_str());
  }
  constexpr size_t kMostToldEntries = 5;
  const std::vector<std::string>& beside = summary.beside_code;
  for (size_t i = 0; i < beside.size() && i < kMostToldEntries; i++)
    std::fprintf(stderr, "libguard: %s was written beside code, which enforce refuses\n",
                 printable(beside[i], 400).c_str());
  if (beside.size() > kMostToldEntries)
    std::fprintf(stderr, "libguard: and in %zu more directories\n", beside.size() - kMostToldEntries);
  if (!beside.empty())
    std::fprintf(stderr, "hint: let it write to a directory without code in it; 'policy new' will name that as data\n");
  if (!losses.empty()) std::fprintf(stderr, "libguard: not seen or lost:%s\n", losses.c_str());
}

std::string summary_json(const Guard::Summary& summary, const NotifyBackend& backend) {
  nlohmann::ordered_json json;
  json["deviations"] = summary.deviations;
  json["kinds"] = summary.kinds;
  json["losses"] = summary.losses;
  json["counters"] = backend.counters();
  nlohmann::ordered_json notified = nlohmann::ordered_json::object();
  for (int nr = 0; nr < 512; nr++)
    if (uint64_t count = backend.notified(nr)) notified[std::string(right_name(static_cast<Right>(nr)))] = count;
  json["notified"] = notified;
  return json.dump(2) + "\n";
}

}  // namespace libguard
