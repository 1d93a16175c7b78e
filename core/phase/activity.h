// SPDX-License-Identifier: Apache-2.0
// What /proc says of a process: does it wait for clients, and is anything of it running?
//
// Way:     *phase*: read from outside, the process is not stopped.
// Thread:  any; no state.
// Failure: what cannot be read is "gone" or "does not listen".
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace libguard {

struct Activity {
  bool alive = false;
  bool blocked = false;          // every thread waits
  uint64_t cpu_nanoseconds = 0;  // of all living threads
  uint64_t threads = 0;
};

Activity read_activity(pid_t pid);

// Has it a stream socket (TCP, Unix) on which it listens? Sockets that it was given count.
bool listens(pid_t pid);

// Real path of its executable and of what it was started as; a name is one of both, or their last part.
bool is_called(pid_t pid, const std::string& name);

}  // namespace libguard
