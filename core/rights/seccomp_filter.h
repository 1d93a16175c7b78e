// SPDX-License-Identifier: Apache-2.0
// The seccomp filter of a guard, made from the same rules that lg_classify interprets.
//
// Way:     *events* -> stack -> verdict -> *action*: decides which calls reach the supervisor at all.
// Thread:  pure function of its options.
// Failure: what the filter cannot know (own process, socket family) it notifies, unless every answer would be the
//          same; clone3 answers ENOSYS; the 32-bit and x32 entries are notified, for the supervisor to refuse and name.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/rights/rights.h"

namespace libguard {

enum class Outcome : uint8_t { kAllow, kErrno, kNotify };  // of one right, in the filter

struct FilterOptions {
  std::vector<Outcome> outcomes;  // by right id; ids beyond its end are notified
  int error = EPERM;              // errno of kErrno
  bool ends = false;              // exit_group notifies: a process waits before its memory is gone
};

// A program for seccomp(SECCOMP_SET_MODE_FILTER). Fixed, whatever the options say: the six calls that are always
// allowed, but for `ends`; set_robust_list and the marker call prctl(LG_PRCTL, …) always notify; clone3 is ENOSYS, so
// that the C library falls back to clone, whose flags are in a register. Calls that do not come by the native entry
// notify too, but for the exits of the 32-bit one: a program that finds all its calls refused gets its end. Fails if
// the program exceeds the kernel's limit.
Result<std::vector<sock_filter>> make_filter(const FilterOptions& options);

// Does the call come by the x86-64 entry, with a number of its table? All others (32-bit, x32) are refused.
inline constexpr uint32_t kX32Bit = 0x40000000;
bool is_native_entry(const seccomp_data& call);

}  // namespace libguard
