// SPDX-License-Identifier: Apache-2.0
// The filter that ends a process at calls of some numbers and says nothing of all others.
//
// Way:     events -> verdict -> *action*: where the action is kill and nobody need be asked.
// Thread:  pure function of its argument.
// Failure: fails if the program exceeds the kernel's limit.
#pragma once

#include <linux/filter.h>

#include <set>
#include <vector>

#include "core/base/result.h"

namespace libguard {

// For seccomp(SECCOMP_SET_MODE_FILTER) on top of a guard's filter, which goes on answering whatever this one lets pass.
// Left out whatever `numbers` says: the calls that are always allowed, and those by which a guard lives (prctl carries
// the marker calls, set_robust_list tells of threads, clone3 makes the C library fall back).
Result<std::vector<sock_filter>> make_kill_filter(const std::set<uint32_t>& numbers);

}  // namespace libguard
