// SPDX-License-Identifier: Apache-2.0
// FunctionStart: a named function whose first call says that the process serves.
//
// Way:     *events -> phase*: a breakpoint at its entry; the client's handler of SIGTRAP asks, and goes on behind it.
// Thread:  the serving thread only.
// Failure: a function that is not there is looked for again when more code is mapped; code that cannot be written to
//          leaves the process in init, and is told once.
//
// The breakpoint is one byte in memory that a fork copies: every process has its own, and takes it away when it gets
// there. Threads that meet it meanwhile ask as well and find it gone.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "core/backend/notify/task.h"
#include "core/base/result.h"

namespace libguard {

class FunctionStart {
 public:
  // Address of the function in the process; 0: not there (yet).
  using Find = std::function<uint64_t(pid_t)>;
  explicit FunctionStart(Find find) : find_(std::move(find)) {}

  bool wanted() const { return find_ != nullptr; }
  // The process has a handler for the breakpoint. Its address; 0: the function is not there yet.
  Result<uint64_t> plant(Process& process) const;
  // More code may have been mapped.
  void look_again(Process& process) const;
  // A breakpoint was met. Is it ours? It is gone then.
  bool reached(Process& process, uint64_t address) const;

 private:
  const Find find_;
};

}  // namespace libguard
