// SPDX-License-Identifier: Apache-2.0
// Which hook of the kernel refuses which call, whether it can be had here, and the proof that it refuses.
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

enum class HookKind : uint8_t { kNone, kLsm, kModifyReturn, kCgroup };

struct Hook {
  const char* name;                   // "socket_create": lsm/NAME, fmod_ret/security_NAME
  std::vector<int> calls;             // numbers of which this hook is reached by every form that has an effect
  int (*canary)(const CanaryFiles&);  // makes one such call; 0 or its errno
  bool in_cgroups = false;            // a cgroup program is asked as well: cgroup/NAME without "socket_"
};

// All that the programs know. A call is refused by the last hook of the list that names it, or sooner.
const std::vector<Hook>& hooks();

// Does this kernel load and attach the hook, and by which means? Asked once per hook.
std::vector<HookKind> probe_hooks();
std::string hook_text(HookKind kind, const char* name);  // "lsm/socket_create"
// Descriptor of the root of cgroup2, whose programs are asked for every socket of the machine; -1: out of reach.
int open_root_cgroup();

// Numbers of calls all of whose hooks are there.
std::vector<int> refusable_calls(const std::vector<HookKind>& kinds);

// Runs each canary in a child that `kernel` refuses everything to: a hook that lets it through becomes kNone.
void prove_hooks(KernelSide& kernel, std::vector<HookKind>& kinds);

}  // namespace libguard
