// SPDX-License-Identifier: Apache-2.0
// Control: the socket by which `libguard phase` and `libguard end` speak to a running supervisor, and the words on it.
//
// Way:     from outside -> phase of a guarded process, or the end of all of them.
// Thread:  the server has a thread of its own between construction and destruction.
// Failure: no socket can be made: the guard goes on without one. What is said can only narrow: a phase never goes back,
//          and nothing of a guard outlives its end.
//
// A stream socket beside the announcement, SUPERVISOR.sock, for the same user. One line asked, one line answered:
//   "phase PID serving\n"  ->  "ok\n" or "no REASON\n"
//   "end\n"                ->  the same
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <thread>

#include "core/base/result.h"

namespace libguard {

class ControlServer {
 public:
  using SetPhase = std::function<void(pid_t pid, uint32_t phase)>;
  ControlServer(SetPhase set_phase, std::function<void()> end);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  void serve();
  void answer(int connection);
  SetPhase set_phase_;
  std::function<void()> end_guard_;
  std::string path_;
  int socket_ = -1;
  int end_ = -1;  // readable when the server ends
  std::thread thread_;
};

// Asks the supervisor with that pid.
Status ask_phase(int supervisor, pid_t pid);
// The same: all guarded processes are to be killed.
Status ask_end(int supervisor);

}  // namespace libguard
