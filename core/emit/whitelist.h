// SPDX-License-Identifier: Apache-2.0
// Whitelist: the system calls that everybody together may make in a phase, and what all the others are answered.
//
// Way:     profile or policy -> *whitelist* -> files for container runtimes and service managers.
// Thread:  pure functions.
// Failure: a phase that the profile never came to, or an answer that the format has no word for, is an Error.
//
// By number alone: arguments are not looked at. Filters that follow each other in a process only ever narrow, so the
// list for init holds what is needed in serving too.
#pragma once

#include <map>
#include <set>
#include <string>

#include "core/base/result.h"
#include "core/policy/policy.h"
#include "core/profile/profile.h"

namespace libguard {

struct Whitelist {
  Phase phase = Phase::kInit;
  std::set<int> calls;            // what the program may do
  std::map<int, Action> refused;  // known when the profile was made, and not on the list
  std::set<int> unheard;          // ENOSYS: newer than the profile, or callers have a substitute
  std::string origin;             // for people: from what it was made
};

struct WhitelistOptions {
  Phase phase = Phase::kInit;
  std::string origin;
  Action action = Action::kDeny;       // of calls that are not on the list; a policy says that itself
  const Profile* reachable = nullptr;  // of static analysis: narrows what was not looked at call by call
};

// What was seen. Recordings leave out @base and @io unless they were told otherwise: then everybody holds these two.
Result<Whitelist> make_whitelist(const Profile& profile, const WhitelistOptions& options);
// What the policy lets anybody do that it names. `profile`: the one that it pins, or null.
Result<Whitelist> make_whitelist(const Rules& rules, const Profile* profile, const WhitelistOptions& options);

enum class ContainerRuntime : uint8_t { kNone, kCrun, kRunc };

// "linux.seccomp" of the OCI runtime specification, as crun, runc, Docker and Kubernetes read it. What the container
// runtime itself needs between filter and program is an entry of its own.
Result<std::string> render_oci(const Whitelist& whitelist, ContainerRuntime runtime);
// A drop-in for a service unit.
Result<std::string> render_systemd(const Whitelist& whitelist);

}  // namespace libguard
