// SPDX-License-Identifier: Apache-2.0
// Diff: what is new and what is gone, library by library, what is dangerous first. The review before an upgrade.
//
// Way:     beside the way: two profiles, or two policies.
// Thread:  pure functions.
// Failure: none.
#pragma once

#include <string>
#include <vector>

#include "core/policy/policy.h"

namespace libguard {

struct DiffLine {
  std::string library;             // without version; "" for settings of the whole policy
  bool added = false;              // else gone
  std::string group;               // "@net-out"; "function" or "setting" for other lines
  std::string role;                // "caller", "stack", "spawned"; "" where roles do not matter
  std::string phase;               // "init", "serving", "" = both
  std::vector<std::string> names;  // rights, functions or the setting
  bool dangerous = false;
  bool operator==(const DiffLine&) const = default;
};

// A system call of a whole program, whoever makes it. Only between profiles that looked at everyday calls too.
struct CallChange {
  std::string program;  // file name
  bool added = false;   // else gone
  std::string call;
  std::string phase;             // as above
  std::vector<std::string> way;  // functions from the start to the call; empty: no profile says
  bool dangerous = false;
  bool operator==(const CallChange&) const = default;
};

struct Diff {
  std::vector<DiffLine> lines;  // ordered: libraries with new dangerous rights first
  std::vector<CallChange> calls;
  std::vector<std::string> new_libraries, gone_libraries;
  std::vector<std::pair<std::string, std::string>> versions;  // "pkg:pypi/x": "1.0 -> 1.1"
  bool same() const { return lines.empty() && calls.empty() && new_libraries.empty() && gone_libraries.empty(); }
};

Diff diff_profiles(const Profile& a, const Profile& b);
Diff diff_policies(const Rules& a, const Rules& b);  // by effective rights, and the settings

std::vector<CallChange> diff_calls(const Profile& a, const Profile& b);

std::string to_text(const std::vector<CallChange>& changes);
std::string to_text(const Diff& diff);
std::string to_json(const Diff& diff);

}  // namespace libguard
