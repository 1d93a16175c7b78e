// SPDX-License-Identifier: Apache-2.0
// Profiles made by hand for the tests of the reports.
#pragma once

#include "core/event/event.h"
#include "core/profile/profile.h"

namespace libguard {

Profile small_profile();               // four libraries, every kind of cell
std::vector<Event> small_events();     // two deviations, one of them twice
Profile large_profile(int libraries);  // deterministic, many rights, long stacks

}  // namespace libguard
