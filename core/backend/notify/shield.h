// SPDX-License-Identifier: Apache-2.0
// Shield: a Landlock ruleset that keeps protected paths from being changed, whoever swaps a path in the meantime.
//
// Way:     events -> verdict -> *action*: behind the supervisor's own look, which makes each refusal an event.
// Thread:  protect() on the serving thread, or before it.
// Failure: no Landlock, no path that can be separated, no room for rules: no ruleset; reason() says why. The
//          supervisor's look stays.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/backend/notify/separation.h"

namespace libguard {

// Version of Landlock on this kernel; 0: none. From 2 on (Linux 5.19) renames are held, from 3 on (6.2) truncate too.
int landlock_version();

// What keeps one protected path from being changed.
struct Protection {
  std::string path;
  bool by_landlock = false;  // else by the supervisor's look alone
  bool operator==(const Protection&) const = default;
};

// Words for people.
const char* protection_text(bool by_landlock);

class Shield {
 public:
  explicit Shield(bool wanted, ClosedRule closed = is_closed_directory);
  ~Shield();
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;

  // Makes a new ruleset if these paths have some that can be separated and are not held yet.
  void protect(const std::vector<std::string>& paths);

  int ruleset() const { return ruleset_; }             // for landlock_restrict_self; -1: none
  uint32_t generation() const { return generation_; }  // of the ruleset; 0: none
  const std::vector<Protection>& protections() const { return protections_; }
  const std::vector<std::string>& closed() const { return closed_directories_; }  // sorted; empty without a ruleset
  const std::string& reason() const { return reason_; }  // why there is no ruleset; empty if there is one

 private:
  bool build(const std::vector<std::string>& allowed);

  const bool wanted_;
  const ClosedRule closed_;
  const int version_;
  int ruleset_ = -1;
  uint32_t generation_ = 0;
  std::vector<std::string> held_;  // what the ruleset keeps
  std::vector<std::string> closed_directories_;
  std::vector<Protection> protections_;
  std::string reason_;
};

}  // namespace libguard
