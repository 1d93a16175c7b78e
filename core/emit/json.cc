// SPDX-License-Identifier: Apache-2.0
// The report as JSON, for scripts. Schema: docs/formats/report.schema.json.
//
// Way:     profile -> view -> *report*.
// Thread:  pure functions.
// Failure: see report.h.
#include <nlohmann/json.hpp>

#include "core/emit/view.h"

namespace libguard {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;

Json cell_json(Right right, Phase phase, const Cell& cell, bool has_policy) {
  lg_group group = group_of(right);
  Json out = {{"right", right_name(right)},
              {"group", group_name(group)},
              {"dangerous", is_dangerous(group)},
              {"phase", phase_name(phase)}};
  for (size_t i = 0; i < kReportRoles.size(); i++)
    if (cell.count[i] != 0) out[std::string(role_name(kReportRoles[i]))] = cell.count[i];
  if (has_policy) out["verdict"] = cell.any_denied() ? "denied" : "allowed";
  return out;
}

Json event_json(const ShownEvent& shown) {
  Json culprits = Json::array();
  for (const Culprit& culprit : shown.event.culprits)
    culprits.push_back({{"purl", culprit.purl}, {"role", culprit.role}});
  return {{"id", shown.event.id},         {"right", right_name(shown.right)}, {"phase", phase_name(shown.phase)},
          {"action", shown.event.action}, {"count", shown.event.count},       {"caller", shown.event.caller},
          {"culprits", culprits},         {"grant", shown.event.grant}};
}

}  // namespace

Result<std::string> render_json(const ReportInput& input) {
  View view = make_view(input);
  const Profile& profile = input.profile;
  Json libraries = Json::array(), deviations = Json::array(), completeness = Json::object();
  for (const Row& row : view.rows) {
    Json cells = Json::array();
    for (const auto& [key, cell] : row.cells)
      cells.push_back(cell_json(key.first, key.second, cell, input.rules != nullptr));
    libraries.push_back({{"purl", row.purl}, {"cells", cells}});
  }
  for (const ShownEvent& shown : view.events) deviations.push_back(event_json(shown));
  for (const auto& [cause, count] : profile.completeness) completeness[cause] = count;
  Json out = {{"format", "libguard-report"},  {"version", kVersion},
              {"title", input.title},         {"policy", input.rules != nullptr},
              {"runs", profile.runs.size()},  {"calls", view.calls},
              {"completeness", completeness}, {"libraries", libraries},
              {"deviations", deviations},     {"deviations_left_out", view.events_left_out}};
  try {
    return out.dump(2) + "\n";
  } catch (const nlohmann::json::exception& error) {  // only: a name that is not UTF-8
    return fail(Code::kInvalid, std::string("cannot write the report as JSON: ") + error.what(),
                "a name in the profile is not UTF-8; record it again");
  }
}

}  // namespace libguard
