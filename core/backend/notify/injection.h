// SPDX-License-Identifier: Apache-2.0
// Injection: a thread of another process, stopped between two instructions, makes system calls that are not its own.
//
// Way:     beside the judging: how a process comes to put a filter on itself.
// Thread:  one made for it: the kernel takes every request from the thread that stopped the other, and lets go when it
//          ends.
// Failure: an Error, and the thread goes on as it was. If the supervisor dies meanwhile (a millisecond), so does the
//          process.
//
// The thread goes on where it was: a call that was waiting is made again by the kernel, as after SIGCONT; those that
// are never made again (epoll_wait) return EINTR. Signals wait until it goes on.
#pragma once

#include <sys/types.h>
#include <sys/user.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>

#include "core/base/result.h"

namespace libguard {

class Injection {
 public:
  // Told of each call before it is made: what the guard's filter will ask about.
  struct Call {
    int nr;
    std::array<uint64_t, 6> args;
    uint64_t instruction_pointer;  // as a filter sees it
  };
  using Announce = std::function<void(const Call&)>;

  Injection(pid_t pid, pid_t tid, Announce announce) : pid_(pid), tid_(tid), announce_(std::move(announce)) {}
  ~Injection();  // it goes on
  Injection(const Injection&) = delete;
  Injection& operator=(const Injection&) = delete;

  Status stop(std::chrono::milliseconds patience);
  // What the call returned; negative: -errno. After an Error only the destructor may follow.
  Result<int64_t> call(int nr, const std::array<uint64_t, 6>& args);

 private:
  enum class Stop { kNone, kBetween, kEntry, kExit, kGone };  // between two instructions; at a call's ends
  Stop wait(std::chrono::steady_clock::time_point until, int64_t* value);
  Status interrupt(std::chrono::steady_clock::time_point until);
  uint64_t find_instruction() const;
  tl::unexpected<Error> failed(const char* what) const;

  const pid_t pid_, tid_;
  const Announce announce_;
  bool seized_ = false, changed_ = false;
  uint64_t instruction_ = 0;  // a `syscall` in the code that the kernel maps into every process
  uint64_t mask_ = 0;
  user_regs_struct before_{};
};

}  // namespace libguard
