// SPDX-License-Identifier: Apache-2.0
// Which rights the programs in the kernel take over from notify.
//
// Way:     before the first event.
// Thread:  main thread.
// Failure: a right that is not taken stays with notify.
#pragma once

#include <vector>

#include "core/backend/backend.h"

namespace libguard {

// Of the rights that would be notified only to be judged or recorded, those that the kernel can see as well as notify
// does: not the dangerous ones, for which the owners of native code on the C stack count; not those that the supervisor
// must see in any case (births, executable memory, calls aimed at it). Enforcing: only what the kernel can refuse.
RightSet kernel_rights(const std::vector<Outcome>& outcomes, bool enforcing);

}  // namespace libguard
