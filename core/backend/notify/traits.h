// SPDX-License-Identifier: Apache-2.0
// Traits: what the supervisor has to do about a call besides judging it, by its number.
//
// Way:     *events*: looked up once per call.
// Thread:  constant after construction.
// Failure: none.
#pragma once

#include <cstdint>
#include <vector>

#include "core/rights/seccomp_filter.h"

namespace libguard {

enum Trait : uint8_t {
  kDefence = 1,    // could be aimed at the supervisor
  kBirth = 2,      // makes a thread, a process or a program
  kPath = 4,       // writes by path
  kMapping = 8,    // may make memory executable
  kConfine = 16,   // changes the caller's root, mounts or namespaces, or restricts it
  kIdentity = 32,  // changes its users, groups or capabilities
  kMask = 64,      // changes the mode mask of files it makes
  kEnd = 128,      // its memory is gone afterwards
};

uint8_t traits_of(int nr);

// Rights that the supervisor must see even if everybody holds them: births, exec, executable memory, what could be
// aimed at it; with `paths` also what writes by path. Raises kAllow to kNotify; kErrno stays.
void force_notify(std::vector<Outcome>& outcomes, bool paths);

// Calls in which a server waits for its clients.
bool waits_for_clients(int nr);

}  // namespace libguard
