// SPDX-License-Identifier: Apache-2.0
// The detached door, supervisor's side: gives a running process its filter and takes its listener.
//
// Way:     before the first event; libguard/door.h has the messages.
// Thread:  one.
// Failure: Error with a hint; refuse() tells the process, which then does not start.
//
//   auto door = DetachedDoor::accept(LG_DOOR_FD);    guard and filter are made
//   auto listener = door->exchange(filter);          backend.start_running(*listener, door->pid())
//   door->ready();                                   backend.serve()
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace libguard {

class DetachedDoor {
 public:
  // Reads the request. Owns `fd`.
  static Result<DetachedDoor> accept(int fd);
  ~DetachedDoor();
  DetachedDoor(DetachedDoor&& other) noexcept;
  DetachedDoor& operator=(DetachedDoor&&) = delete;

  pid_t pid() const { return pid_; }  // of the process, as we see it
  // Its standard error, for one line: the caller owns it. -1: it has none.
  int take_talk() { return std::exchange(talk_, -1); }
  // Tells the process why it is not guarded; it ends with `exit_status`.
  void refuse(int exit_status, const Error& error);
  // Sends the filter, waits until it is installed, answers the listener.
  Result<int> exchange(const std::vector<sock_filter>& filter);
  // Lets the process go on, and closes the door.
  Status ready();

 private:
  DetachedDoor(int fd, pid_t pid) : fd_(fd), pid_(pid) {}
  int fd_;
  pid_t pid_;
  int talk_ = -1;
};

}  // namespace libguard
