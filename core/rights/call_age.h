// SPDX-License-Identifier: Apache-2.0
// Which kernel knows a system call, and which calls have a substitute that callers try when they are told ENOSYS.
//
// Way:     profile -> whitelists: what a call that is not on the list shall answer.
// Thread:  constant tables, pure functions.
// Failure: a number or release that the table does not know counts as newer than everything.
#pragma once

#include <optional>
#include <string_view>

namespace libguard {

struct KernelRelease {
  int major = 0, minor = 0;
  auto operator<=>(const KernelRelease&) const = default;
};

std::optional<KernelRelease> parse_release(std::string_view text);  // "6.1.0-18-amd64"

// Release that brought the call of this number; 2.6 for all that are older than 3.0.
std::optional<KernelRelease> release_of_call(int number);

// C libraries make this call first and an older one if there is no such call; any other error they hand on.
bool has_substitute(int number);

}  // namespace libguard
