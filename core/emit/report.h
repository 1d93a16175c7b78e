// SPDX-License-Identifier: Apache-2.0
// Reports of a profile for people and machines: heatmap (HTML), text, JSON, CSV.
//
// Way:     profile -> *report*: what was seen, what a policy says to it, what deviated.
// Thread:  pure functions.
// Failure: a deviation that names a right nobody knows is left out and counted in the report; no other way to fail
//          than running out of limits, which is an Error.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/event/event.h"
#include "core/policy/policy.h"
#include "core/profile/profile.h"

namespace libguard {

struct ReportInput {
  const Profile& profile;
  const Rules* rules = nullptr;  // null: no policy, nothing is allowed or denied
  std::vector<Event> events;     // only deviations are shown
  std::string title;             // the profile's file name
};

// One self-contained page: no network, opens from file://.
Result<std::string> render_heatmap(const ReportInput& input);
// Dangerous groups first, then library by library; 100 columns.
Result<std::string> render_text(const ReportInput& input);
// Schema: docs/formats/report.schema.json.
Result<std::string> render_json(const ReportInput& input);
// One line per library, right, phase and role, with a header line (RFC 4180).
Result<std::string> render_csv(const ReportInput& input);

}  // namespace libguard
