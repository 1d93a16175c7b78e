// SPDX-License-Identifier: Apache-2.0
// Judging without a process: would this observation or event be allowed under these rules?
//
// Way:     profile or events -> *verdict*; by the same lg_judge as in a guard.
// Thread:  pure functions.
// Failure: none.
#pragma once

#include <string>
#include <vector>

#include "core/policy/policy.h"

namespace libguard {

struct Judged {
  bool allowed = true;
  std::vector<Culprit> culprits;
};

Judged judge(const Rules& rules, const Observation& seen);
// Only the culprits that the event names are looked at: an event does not tell who else was there.
Judged judge(const Rules& rules, const Event& event);

// An observation that was refused, as an event (without time and process), so that it can be explained and accepted.
Event as_event(const Rules& rules, const Observation& seen, const Judged& judged);

// The innermost function of a library in the event's stack, "<program>" of a native program; "": it has no name.
std::string function_of(const Event& event, std::string_view purl);

}  // namespace libguard
