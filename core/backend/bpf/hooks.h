// SPDX-License-Identifier: Apache-2.0
// What in the kernel refuses which call, whether it can be had here, and the proof that it refuses.
//
// Way:     before the first event; verdict -> *action*.
// Thread:  call before any other thread exists (the canary forks).
// Failure: a hook that cannot be loaded, or whose canary was not refused, is not there: its rights stay with notify.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/rights/rights.h"

namespace libguard {

class KernelSide;
struct CanaryFiles;  // what the canaries act on

enum class HookKind : uint8_t {
  kNone,
  kLsm,
  kLsmWaiting,  // judges again what could not be read before
  kModifyReturn,
  kCgroup,
};

struct Hook {
  const char* name;                   // "socket_create": lsm/NAME, fmod_ret/security_NAME
  std::vector<int> calls;             // numbers of which this hook is reached by every form that has an effect
  int (*canary)(const CanaryFiles&);  // makes one such call; 0 or its errno
  bool in_cgroups = false;            // a cgroup program is asked as well: cgroup/NAME without "socket_"
};

// All that the programs know. A call is refused by the last hook of the list that names it, or sooner.
const std::vector<Hook>& hooks();

// What refuses: each call by its hooks or at its stub, not by both.
struct Refusers {
  std::vector<int> stubs;       // numbers, ascending
  std::vector<HookKind> hooks;  // of each of hooks()
};

// What does this kernel load and attach? Of each call the first of: active LSM hooks, which are never passed over; its
// stub, where a program costs other calls nothing; fmod_ret; a program of the root cgroup. Where pages of a program can
// be away for long, only hooks that wait for them. `broken`: stubs that did not refuse.
Refusers probe_refusers(const std::vector<int>& broken = {});
std::string hook_text(HookKind kind, const char* name);  // "lsm/socket_create"
// Descriptor of the root of cgroup2, whose programs are asked for every socket of the machine; -1: out of reach.
int open_root_cgroup();

// Numbers of calls whose stub or all of whose hooks are there.
std::vector<int> refusable_calls(const Refusers& refusers);
// Of these, numbers of those whose last hook may wait.
std::vector<int> calls_judged_again(const Refusers& refusers);
// All that hooks know.
std::vector<int> hooked_calls();

// Runs each canary in a child that `kernel` refuses everything to: what lets it through is not there any more. Returns
// the stubs that did.
std::vector<int> prove_refusers(KernelSide& kernel, Refusers& refusers);

}  // namespace libguard
