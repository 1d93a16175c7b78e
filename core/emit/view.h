// SPDX-License-Identifier: Apache-2.0
// View: a profile turned around, library by library; what every report is made from.
//
// Way:     profile -> *view* -> report.
// Thread:  plain value; keeps pointers into the profile it was made from.
// Failure: none; events that cannot be placed are counted in events_left_out.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/emit/report.h"

namespace libguard {

// In the order in which reports name them, strongest first.
inline constexpr std::array<Role, 3> kReportRoles = {Role::kCaller, Role::kStack, Role::kSpawned};

struct Cell {
  std::array<uint64_t, 3> count{};   // by position in kReportRoles; a call counts once, as caller if it was that
  std::array<bool, 3> denied{};      // seen in that role, and the policy would refuse it
  std::vector<size_t> observations;  // positions in Profile::observations
  bool any_denied() const { return denied[0] || denied[1] || denied[2]; }
};

struct Row {
  std::string purl;
  std::map<std::pair<Right, Phase>, Cell> cells;
};

struct ShownEvent {
  Event event;
  Right right{};
  Phase phase = Phase::kInit;
};

struct View {
  std::vector<lg_group> groups;    // dangerous ones first, then from the strongest to @base
  std::vector<Right> rights;       // seen or deviated, in the order of groups
  std::vector<Row> rows;           // by purl
  std::vector<ShownEvent> events;  // one per id, with its highest count
  uint64_t calls = 0;
  uint64_t events_left_out = 0;
};

View make_view(const ReportInput& input);
std::string_view group_about(lg_group group);  // what rights.def says about it
// Position of `purl` in view.rows. REQUIRES: it is there.
size_t row_of(const View& view, std::string_view purl);

}  // namespace libguard
