// SPDX-License-Identifier: Apache-2.0
// Session: one guard from its start to its summary, through the parent door or the detached door.
//
// Way:     all of it: what record, run and the detached supervisor have in common.
// Thread:  main thread serves; a second one prints progress while recording.
// Failure: exit 125 with one line and a hint before anything was started; afterwards the program's own status.
#pragma once

#include <string>
#include <vector>

#include "cli/guard_flags.h"

namespace libguard {

inline constexpr int kSessionFailed = 125, kDeviationsFound = 3;

// Starts `command` under a guard and stays its parent. Answers the exit status for this process.
int run_command(const GuardFlags& flags, const std::vector<std::string>& command);

// Serves a process that opened the detached door at `door_fd`.
int supervise(int door_fd);

}  // namespace libguard
