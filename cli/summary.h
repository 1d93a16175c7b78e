// SPDX-License-Identifier: Apache-2.0
// What a guard says at its end, for people and as JSON.
//
// Way:     after the last event.
// Thread:  main thread.
// Failure: none.
#pragma once

#include <string>

#include "cli/guard_flags.h"
#include "core/backend/notify/notify_backend.h"

namespace libguard {

// Of the backend's counters those that mean that something was lost or could not be seen.
Counters losses_of(const Counters& counters);

void print_summary(const Guard::Summary& summary, const GuardFlags& flags, const NotifyBackend& backend);
std::string summary_json(const Guard::Summary& summary, const NotifyBackend& backend);

}  // namespace libguard
