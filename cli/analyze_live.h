// SPDX-License-Identifier: Apache-2.0
// What a run adds to the analysis of a program: the libraries that it opened, and where its serving phase began.
//
// Way:     recording, process -> *live program* -> analysis.
// Thread:  main thread.
// Failure: a recording of another program, a process that may not be read: an Error.
#pragma once

#include <sys/types.h>

#include <optional>

#include "core/analysis/analysis.h"
#include "core/profile/profile.h"

namespace libguard {

struct LiveProgram {
  std::string program;              // real path; empty: there was no run
  std::vector<std::string> opened;  // at run time: code that no file of the program asks for
  std::optional<LiveState> state;   // empty: it never came to serving
};

Result<LiveProgram> read_recording(const std::string& profile, const std::string& program);
Result<LiveProgram> read_process(pid_t pid);

// All programs of a recording, as far as static analysis can tell what they reach; in serving those that served.
Result<Profile> reachable_of(const Profile& recording);

}  // namespace libguard
