// SPDX-License-Identifier: Apache-2.0
// Turns observations around and asks the judge what the policy says to each of them.
//
// Way:     profile -> *view* -> report.
// Thread:  pure functions.
// Failure: see view.h.
#include "core/emit/view.h"

#include <algorithm>
#include <set>

#include "core/base/check.h"
#include "core/policy/judge.h"

namespace libguard {
namespace {

constexpr size_t kCaller = 0, kStack = 1, kSpawned = 2;

std::vector<lg_group> groups_in_order() {
  std::vector<lg_group> order;
  for (int group = LG_GROUP_NET_OUT; group < LG_GROUPS; group++) order.push_back(static_cast<lg_group>(group));
  for (int group = LG_GROUP_NET_OUT - 1; group >= 0; group--) order.push_back(static_cast<lg_group>(group));
  return order;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void add_observation(std::map<std::string, Row>& rows, const ReportInput& input, size_t index) {
  const Observation& seen = input.profile.observations[index];
  Judged judged;
  if (input.rules != nullptr) judged = judge(*input.rules, seen);
  auto add = [&](const std::string& purl, size_t role) {
    Cell& cell = rows[purl].cells[{seen.right, seen.phase}];
    cell.count[role] += seen.count;
    for (const Culprit& culprit : judged.culprits) cell.denied[role] = cell.denied[role] || culprit.purl == purl;
    if (cell.observations.empty() || cell.observations.back() != index) cell.observations.push_back(index);
  };
  add(seen.caller, kCaller);
  for (const std::string& purl : seen.libraries)
    if (purl != seen.caller) add(purl, kStack);
  for (const std::string& purl : seen.spawners)
    if (purl != seen.caller && !contains(seen.libraries, purl)) add(purl, kSpawned);
}

void add_events(const std::vector<Event>& events, View& view) {
  std::map<std::string, size_t> by_id;
  for (const Event& event : events) {
    if (event.kind != "deviation") continue;
    std::optional<Right> right = find_right(event.right_name);
    if (!right || event.culprits.empty()) {
      view.events_left_out++;
      continue;
    }
    Phase phase = event.phase == phase_name(Phase::kServing) ? Phase::kServing : Phase::kInit;
    auto [place, is_new] = by_id.emplace(event.id, view.events.size());
    if (is_new)
      view.events.push_back({event, *right, phase});
    else if (event.count > view.events[place->second].event.count)
      view.events[place->second].event = event;
  }
}

}  // namespace

View make_view(const ReportInput& input) {
  View view;
  view.groups = groups_in_order();
  std::map<std::string, Row> rows;
  std::set<Right> seen;
  for (size_t i = 0; i < input.profile.observations.size(); i++) {
    add_observation(rows, input, i);
    seen.insert(input.profile.observations[i].right);
    view.calls += input.profile.observations[i].count;
  }
  add_events(input.events, view);
  for (const ShownEvent& shown : view.events) {
    seen.insert(shown.right);
    for (const Culprit& culprit : shown.event.culprits) rows[culprit.purl];
  }
  for (lg_group group : view.groups)
    for (Right right : seen)
      if (group_of(right) == group) view.rights.push_back(right);
  for (auto& [purl, row] : rows) {
    row.purl = purl;
    view.rows.push_back(std::move(row));
  }
  return view;
}

size_t row_of(const View& view, std::string_view purl) {
  auto found = std::lower_bound(view.rows.begin(), view.rows.end(), purl,
                                [](const Row& row, std::string_view name) { return row.purl < name; });
  LG_CHECK(found != view.rows.end() && found->purl == purl);
  return static_cast<size_t>(found - view.rows.begin());
}

std::string_view group_about(lg_group group) {
  static constexpr std::string_view kAbout[] = {
#define LG_GROUP(id, name, what) what,
#include "bpf/rights.def"
  };
  return kAbout[group];
}

}  // namespace libguard
