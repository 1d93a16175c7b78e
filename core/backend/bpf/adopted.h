// SPDX-License-Identifier: Apache-2.0
// AdoptedGuard: what a new supervisor does for a guard whose own died: tells what the kernel refuses, and cleans up.
//
// Way:     *verdict -> event*. Judging and refusing go on in the kernel by the rules that the dead supervisor left;
// none
//          of them is changed here. What notify judged stays refused: its listener died with the supervisor.
// Thread:  the serving thread.
// Failure: what cannot be taken over stays as it is: refused.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/backend/bpf/kernel_side.h"
#include "core/backend/bpf/observations.h"

namespace libguard {

class AdoptedGuard {
 public:
  // Takes what is pinned for `supervisor`, who is dead; after that it is pinned for this process.
  static Result<std::unique_ptr<AdoptedGuard>> take_over(pid_t supervisor, Handler& handler);

  // Purls of the libraries from LG_FIRST_LIBRARY on, as the kernel numbers them.
  std::vector<std::string> libraries() const;
  // Until the last guarded process has ended, or `stop`. Told before: counts since the guard began, once more.
  void serve(const std::atomic<bool>& stop);
  size_t processes() const { return kernel_->processes().size(); }
  Counters counters() const;

 private:
  AdoptedGuard(std::unique_ptr<KernelSide> kernel, Handler& handler);
  void know_programs();

  std::unique_ptr<KernelSide> kernel_;
  Handler& handler_;
  Observations observations_;
};

}  // namespace libguard
