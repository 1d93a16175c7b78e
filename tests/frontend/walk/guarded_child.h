// SPDX-License-Identifier: Apache-2.0
// Starts a program under a seccomp filter that notifies one magic prctl, for tests of the walk.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace libguard::testing {

constexpr unsigned long kTestPrctl = 0x4c475754;  // of these tests only; the product's is LG_PRCTL

struct GuardedChild {
  pid_t pid = -1;
  int listener = -1;
};

// Ends the process with a message on failure: there is no test without it.
GuardedChild start_guarded(const std::vector<std::string>& command);

}  // namespace libguard::testing
