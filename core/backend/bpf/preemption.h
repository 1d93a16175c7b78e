// SPDX-License-Identifier: Apache-2.0
// Can this kernel pass a program over? It does where a thread is put aside inside a program that must not be entered
// twice on one processor, and the next thread there comes to the same program: its call is neither judged nor counted.
//
// Way:     before the first event.
// Thread:  any.
// Failure: what cannot be told counts as preemptible.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace libguard {

// What a kernel says of itself.
struct PreemptionFacts {
  std::string release;       // uname -r
  std::string version;       // uname -v
  std::string command_line;  // /proc/cmdline
  std::string mode;          // /sys/kernel/debug/sched/preempt, "none (voluntary) full"; empty: out of reach
};
PreemptionFacts preemption_facts();

// Is the kernel's own code put aside for other threads? From version and boot line if the mode is out of reach.
bool is_preemptible(const PreemptionFacts& facts);

// Do programs on tracepoints see every call? Up to 6.18 tracepoints run with preemption off. On a preemptible 7.3 calls
// were seen to be missed; the releases between were not tried, so they count as 7.3 does.
Status sees_every_call(const PreemptionFacts& facts);

}  // namespace libguard
