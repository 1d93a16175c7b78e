// SPDX-License-Identifier: Apache-2.0
// Which rights the programs in the kernel take over from notify, and what this kernel can refuse.
//
// Way:     before the first event.
// Thread:  main thread.
// Failure: a right that is not taken stays with notify.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backend/backend.h"
#include "core/backend/bpf/hooks.h"
#include "core/backend/bpf/kernel_side.h"
#include "core/rights/seccomp_filter.h"  // Outcome

namespace libguard {

// Of the rights that would be notified only to be judged or recorded, those that the kernel can see as well as notify
// does: not the dangerous ones, for which the owners of native code on the C stack count; not those that the supervisor
// must see in any case (births, executable memory, calls aimed at it; `enforcing`: writes by path).
RightSet kernel_rights(const std::vector<Outcome>& outcomes, bool enforcing);

// Leaves in `rights` those whose every call is refused by what is there, and in `refusers` what they need.
void keep_refusable(RightSet& rights, Refusers& refusers);

// Loads the programs with what refuses here, as the canaries prove, and leaves the others out of `refusers`. With
// `rights`: with what these need only, and those that stay are left in it; null if none does.
Result<std::unique_ptr<KernelSide>> load_refusing(Refusers& refusers, RightSet* rights, const PythonProbes* feed);

// For doctor: what the kernel does about each right; asked by loading the programs and running the canaries.
struct KernelReport {
  bool loads = false;
  Error error;                 // why not
  bool pages_go_away = false;  // only hooks that may wait refuse
  Status pins;                 // without them nothing is refused in the kernel
  Refusers refusers;
  RightSet observed, refused;
};
KernelReport examine_kernel_side();
// "lsm/socket_create", "override/__x64_sys_getppid"; "" if the kernel does not refuse it.
std::string refused_by(const KernelReport& report, Right right);

}  // namespace libguard
