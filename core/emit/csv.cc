// SPDX-License-Identifier: Apache-2.0
// The report as CSV: one line per library, right, phase and role.
//
// Way:     profile -> view -> *report*.
// Thread:  pure functions.
// Failure: see report.h.
#include <fmt/format.h>

#include "core/emit/view.h"

namespace libguard {
namespace {

// RFC 4180: a field with a comma, quote or line break is quoted.
std::string field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

Result<std::string> render_csv(const ReportInput& input) {
  View view = make_view(input);
  std::string out = "library,group,dangerous,right,phase,role,count,verdict\r\n";
  for (const Row& row : view.rows) {
    for (const auto& [key, cell] : row.cells) {
      lg_group group = group_of(key.first);
      for (size_t i = 0; i < kReportRoles.size(); i++) {
        if (cell.count[i] == 0) continue;
        std::string_view verdict = input.rules == nullptr ? "" : cell.denied[i] ? "denied" : "allowed";
        out += fmt::format("{},{},{},{},{},{},{},{}\r\n", field(row.purl), group_name(group),
                           is_dangerous(group) ? "yes" : "no", field(right_name(key.first)), phase_name(key.second),
                           role_name(kReportRoles[i]), cell.count[i], verdict);
      }
    }
  }
  return out;
}

}  // namespace libguard
