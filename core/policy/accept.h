// SPDX-License-Identifier: Apache-2.0
// Accepting: the grants that reviewed deviations ask for, added to a policy.
//
// Way:     events -> *policy*.
// Thread:  pure functions.
// Failure: what no grant can allow is listed with its reason, never an error.
#pragma once

#include <string>
#include <vector>

#include "core/policy/policy.h"

namespace libguard {

struct Acceptance {
  Policy policy;
  struct Change {
    std::string event, library, role, name;  // "1a2b…", "pkg:pypi/x", "caller", "@net-out"
    bool dangerous;
  };
  std::vector<Change> changes;
  struct Refusal {
    std::string event, library, reason;
  };
  std::vector<Refusal> refusals;
};

// Adds what the events' culprits lack. `rules` are those of `rules.policy()`, which is changed and returned.
Acceptance accept_events(const Rules& rules, const std::vector<Event>& events);

}  // namespace libguard
