// SPDX-License-Identifier: Apache-2.0
// The report as text for a terminal: who holds dangerous rights, then each library.
//
// Way:     profile -> view -> *report*.
// Thread:  pure functions.
// Failure: see report.h.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/emit/view.h"
#include "core/library/library.h"

namespace libguard {
namespace {

constexpr size_t kWidth = 100;

// "caller 3, stack 12"
std::string counts(const std::array<uint64_t, 3>& count) {
  std::string out;
  for (size_t i = 0; i < count.size(); i++)
    if (count[i] != 0) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", role_name(kReportRoles[i]), count[i]);
  return out;
}

// Words on lines of kWidth, the following ones indented.
std::string wrapped(std::string head, const std::vector<std::string>& words) {
  std::string out, line = head;
  std::string indent(head.size(), ' ');
  bool first = true;
  for (const std::string& word : words) {
    if (!first && line.size() + word.size() + 1 > kWidth) {
      out += line + "\n";
      line = indent;
      first = true;
    }
    line += (first ? "" : " ") + word;
    first = false;
  }
  return out + line + "\n";
}

std::string header(const ReportInput& input, const View& view) {
  std::string out =
      fmt::format("{}: {} libraries, {} rights, {} calls, {} run{}\n", input.title, view.rows.size(),
                  view.rights.size(), view.calls, input.profile.runs.size(), input.profile.runs.size() == 1 ? "" : "s");
  bool complete = true;
  for (const auto& [cause, count] : input.profile.completeness) {
    if (count == 0) continue;
    out += fmt::format("{}{} {}", complete ? "incomplete: " : ", ", cause, count);
    complete = false;
  }
  return out + (complete ? "complete: nothing was lost\n" : "\n");
}

struct Sum {
  std::array<uint64_t, 3> count{};
  bool denied = false;
  std::vector<std::string> rights;
};

Sum sum_of(const Row& row, lg_group group, Phase phase) {
  Sum sum;
  for (const auto& [key, cell] : row.cells) {
    if (group_of(key.first) != group || key.second != phase) continue;
    for (size_t i = 0; i < sum.count.size(); i++) sum.count[i] += cell.count[i];
    sum.denied = sum.denied || cell.any_denied();
    sum.rights.push_back(right_name(key.first));
  }
  return sum;
}

// Callers first: they made the call; the others were only there. The runtime is transparent unless it is the caller.
std::string dangerous_part(const View& view) {
  std::string callers, others, out;
  for (lg_group group : view.groups) {
    if (!is_dangerous(group)) continue;
    callers.clear();
    others.clear();
    for (const Row& row : view.rows) {
      for (Phase phase : {Phase::kInit, Phase::kServing}) {
        Sum sum = sum_of(row, group, phase);
        bool is_caller = sum.count[0] != 0;
        if (sum.rights.empty() || (row.purl == kRuntimeName && !is_caller)) continue;
        (is_caller ? callers : others) +=
            fmt::format("  {:<14} {:<8} {:<44} {}{}\n", group_name(group), phase_name(phase), row.purl,
                        counts(sum.count), sum.denied ? "  DENIED" : "");
      }
    }
    out += callers + others;
  }
  return "\ndangerous\n" + (out.empty() ? "  nobody\n" : out);
}

std::string library_part(const View& view) {
  std::string out;
  for (const Row& row : view.rows) {
    if (row.cells.empty()) continue;
    out += "\n" + row.purl + "\n";
    for (Phase phase : {Phase::kInit, Phase::kServing}) {
      for (lg_group group : view.groups) {
        Sum sum = sum_of(row, group, phase);
        if (sum.rights.empty()) continue;
        std::string head = fmt::format("  {:<8} {:<14} {}{}: ", phase_name(phase), group_name(group), counts(sum.count),
                                       sum.denied ? ", DENIED" : "");
        out += wrapped(head, sum.rights);
      }
    }
  }
  return out;
}

std::string event_part(const View& view) {
  if (view.events.empty() && view.events_left_out == 0) return "";
  std::string out = "\ndeviations\n";
  for (const ShownEvent& shown : view.events) {
    const Event& event = shown.event;
    std::vector<std::string> culprits;
    for (const Culprit& culprit : event.culprits) {
      if (!culprits.empty()) culprits.back() += ",";
      culprits.push_back(culprit.purl + " (" + culprit.role + ")");
    }
    out += wrapped(fmt::format("  {} {:<4} {} x{}: ", event.id, event.action, right_name(shown.right), event.count),
                   culprits);
  }
  if (view.events_left_out != 0) out += fmt::format("  {} more name no known right\n", view.events_left_out);
  return out;
}

}  // namespace

Result<std::string> render_text(const ReportInput& input) {
  View view = make_view(input);
  return header(input, view) + dangerous_part(view) + event_part(view) + library_part(view);
}

}  // namespace libguard
