// SPDX-License-Identifier: Apache-2.0
// Ends all processes of a guard, those included that are being made meanwhile.
//
// Way:     from outside: `libguard end`.
// Thread:  any.
// Failure: a process that makes children outside of every list faster than they can be stopped keeps some of them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <vector>

namespace libguard {

// Stops all that `list` names until it names nobody new, then kills them.
void end_processes(const std::function<std::vector<pid_t>()>& list);

// The processes and all their descendants.
std::vector<pid_t> with_children(std::vector<pid_t> pids);

}  // namespace libguard
