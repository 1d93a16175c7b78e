// SPDX-License-Identifier: Apache-2.0
// Control: the socket by which `libguard phase` speaks to a running supervisor, and the words on it.
//
// Way:     from outside -> phase of a guarded process.
// Thread:  the server has a thread of its own between construction and destruction.
// Failure: no socket can be made: the guard goes on without one. What is said can only narrow: a phase never goes back.
//
// A stream socket beside the announcement, SUPERVISOR.sock, for the same user. One line asked, one line answered:
//   "phase PID serving\n"  ->  "ok\n" or "no REASON\n"
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
  explicit ControlServer(SetPhase set_phase);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  void serve();
  void answer(int connection);
  SetPhase set_phase_;
  std::string path_;
  int socket_ = -1;
  int end_ = -1;  // readable when the server ends
  std::thread thread_;
};

// Asks the supervisor with that pid.
Status ask_phase(int supervisor, pid_t pid);

}  // namespace libguard
