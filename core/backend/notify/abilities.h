// SPDX-License-Identifier: Apache-2.0
// What the notify backend can do on this kernel: per right, and proved by a canary.
//
// Way:     before everything: enforcement that cannot be had is refused at start.
// Thread:  call before any other thread exists (the canary forks).
// Failure: Error that names what is missing and what to do.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/rights/rights.h"

namespace libguard {

struct Ability {
  Right right{};
  bool observe = false;
  bool deny = false;  // with any errno
  std::string how;    // "notify", "marker call", or why not
};

// For every right that the table names.
std::vector<Ability> notify_abilities();

// Linux 5.19 or newer (calls must be able to wait safely while signals arrive).
Status check_kernel();
// Text as uname(2) gives it.
Status check_kernel_release(const std::string& release);

// A child under a real filter: its memory must be readable while it waits, and the call that is refused must return
// exactly that errno and do nothing. It comes to its call while the caller prepares other things.
class Canary {
 public:
  static Result<Canary> start();
  ~Canary();  // an unfinished one ends
  Canary(Canary&& other) noexcept;
  Canary& operator=(Canary&&) = delete;
  Status finish();  // once

 private:
  Canary(pid_t child, int socket) : child_(child), socket_(socket) {}
  pid_t child_;
  int socket_;
};

Status run_canary();  // both in one

}  // namespace libguard
