// SPDX-License-Identifier: Apache-2.0
// What follows from observations: who held which right in which phase and role.
//
// Way:     recording -> *profile* -> policy.
// Thread:  pure functions.
// Failure: none.
#include <algorithm>
#include <tuple>

#include "core/library/library.h"
#include "core/profile/profile.h"

namespace libguard {

std::string_view phase_name(Phase phase) { return phase == Phase::kInit ? "init" : "serving"; }

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kStack:
      return "stack";
    case Role::kCaller:
      return "caller";
    case Role::kSpawned:
      return "spawned";
  }
  return "";
}

bool is_learnable(std::string_view library) {
  return library != kUnknownName && library != kRuntimeName && library != kStartupName;
}

namespace {

auto sort_key(const Observation& o) {
  return std::tie(o.caller, o.right, o.phase, o.direct, o.direct_function, o.libraries, o.spawners, o.program, o.stack,
                  o.count);
}

void sort_unique(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

}  // namespace

void Profile::derive() {
  libraries.clear();
  processes.clear();
  for (Observation& seen : observations) {
    sort_unique(seen.libraries);
    sort_unique(seen.spawners);
    auto learn = [&](const std::string& library, Role role) {
      if (is_learnable(library)) libraries[library][seen.phase][role].add(seen.right);
    };
    learn(seen.caller, Role::kCaller);
    learn(seen.caller, Role::kStack);
    for (const std::string& library : seen.libraries) learn(library, Role::kStack);
    for (const std::string& library : seen.spawners) learn(library, Role::kSpawned);
    if (!seen.program.empty()) processes[seen.program][seen.phase].add(seen.right);
  }
  std::sort(observations.begin(), observations.end(),
            [](const Observation& a, const Observation& b) { return sort_key(a) < sort_key(b); });
}

bool Profile::complete() const {
  return std::all_of(completeness.begin(), completeness.end(), [](const auto& loss) { return loss.second == 0; });
}

std::string cell_library(const Observation& seen) {
  std::string library = seen.direct_library();
  return library == kRuntimeName ? seen.caller : library;
}

std::set<std::pair<std::string, std::string>> functions_seen(const Profile& profile, lg_group group) {
  std::set<std::pair<std::string, std::string>> functions;
  for (const Observation& seen : profile.observations) {
    std::string library = cell_library(seen);
    if (group_of(seen.right) != group || seen.direct_function.empty() || !is_learnable(library)) continue;
    functions.emplace(std::move(library), seen.direct_function);
  }
  return functions;
}

}  // namespace libguard
