// SPDX-License-Identifier: Apache-2.0
// Which mechanism judges which right: the kernel's programs beside the notify backend, if the user and the kernel let.
//
// Way:     before the first event: right by right, the first mechanism that can do what the mode asks for.
// Thread:  main thread.
// Failure: --backend=bpf and the kernel cannot: an Error; auto goes on with notify alone.
#pragma once

#include <memory>
#include <vector>

#include "cli/guard_flags.h"
#include "core/backend/companion.h"
#include "core/rights/seccomp_filter.h"  // Outcome

namespace libguard {

// The companion, or null if notify does all. Rights that it takes become kAllow in `outcomes`.
Result<std::unique_ptr<Companion>> make_companion(const GuardFlags& flags, const std::vector<std::string>& command,
                                                  Guard& guard, std::vector<Outcome>& outcomes);

}  // namespace libguard
