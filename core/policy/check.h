// SPDX-License-Identifier: Apache-2.0
// Check: what in a valid policy does nothing, contradicts itself or went stale.
//
// Way:     beside the way: before a policy is put into force.
// Thread:  pure functions.
// Failure: none; remarks are data.
#pragma once

#include <string>
#include <vector>

#include "core/policy/policy.h"

namespace libguard {

struct Remark {
  std::string library;  // empty: the whole policy
  std::string what, hint;
  bool operator==(const Remark&) const = default;
};

// `profile`: the pinned one; null: nothing is known about what libraries do.
std::vector<Remark> remarks_on(const Policy& policy, const Profile* profile);

}  // namespace libguard
