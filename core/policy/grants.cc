// SPDX-License-Identifier: Apache-2.0
// Set operations on grants, and their shortest way to be written.
//
// Way:     profile -> *policy*.
// Thread:  pure functions.
// Failure: none.
#include "core/policy/grants.h"

#include <algorithm>

namespace libguard {

RightSet rights_in(const Grants& grants, Phase phase, Role role) {
  auto roles = grants.find(phase);
  if (roles == grants.end()) return {};
  auto rights = roles->second.find(role);
  return rights == roles->second.end() ? RightSet{} : rights->second;
}

void add_grants(Grants& grants, const Grants& more) {
  for (const auto& [phase, roles] : more)
    for (const auto& [role, rights] : roles) grants[phase][role].add(rights);
}

void remove_grants(Grants& grants, const Grants& less) {
  for (const auto& [phase, roles] : less)
    for (const auto& [role, rights] : roles) grants[phase][role].remove(rights);
}

bool grants_empty(const Grants& grants) {
  for (const auto& [phase, roles] : grants)
    for (const auto& [role, rights] : roles)
      if (!rights.empty()) return false;
  return true;
}

Grants everywhere(const RightSet& rights) {
  Grants grants;
  for (Phase phase : kEveryPhase)
    for (Role role : kEveryRole) grants[phase][role] = rights;
  return grants;
}

RightSet common(const RightSet& a, const RightSet& b) {
  RightSet only_a = a, both = a;
  only_a.remove(b);
  both.remove(only_a);
  return both;
}

RightSet dangerous_rights() {
  static const RightSet kDangerous = [] {
    RightSet set;
    for (int group = LG_GROUP_NET_OUT; group < LG_GROUPS; group++) set.add(static_cast<lg_group>(group));
    return set;
  }();
  return kDangerous;
}

std::vector<std::string> names_of(const RightSet& rights) {
  std::vector<std::string> names, single;
  RightSet rest = rights;
  for (int i = 0; i < LG_GROUPS; i++) {
    auto group = static_cast<lg_group>(i);
    if (!rights.has_all(group)) continue;
    names.emplace_back(group_name(group));
    RightSet whole;
    whole.add(group);
    rest.remove(whole);
  }
  for (Right right : rest.rights()) single.push_back(right_name(right));
  std::sort(single.begin(), single.end());
  names.insert(names.end(), single.begin(), single.end());
  return names;
}

bool is_exact_group(lg_group group) {
  switch (group) {
    case LG_GROUP_INSPECT:
    case LG_GROUP_MEMORY_EXEC:
    case LG_GROUP_PRIVILEGE:
    case LG_GROUP_MOUNT:
    case LG_GROUP_KERNEL:
    case LG_GROUP_FILE_LINK:
      return true;
    default:
      return false;
  }
}

bool is_judged_by_caller(lg_group group) { return group == LG_GROUP_OBJECT_THEFT; }

RightSet widened(Right right, bool exact) {
  RightSet set;
  std::string name = right_name(right);
  lg_group group = group_of(right);
  if (exact || is_exact_group(group)) {
    set.add(right);
  } else if (group == LG_GROUP_NATIVE_LOAD) {
    // Nearly every library imports some extension module; that must not bring the whole of ctypes.
    std::string kind = name.substr(0, name.find('.') + 1);
    for (Right other : rights_of(group))
      if (other == right || (kind != "py:import." && right_name(other).starts_with(kind))) set.add(other);
  } else {
    set.add(group);
  }
  return set;
}

namespace {

using Roles = std::map<Role, RightSet>;

// Writes roles as `any` plus what single roles hold beyond it.
GrantNode shortest_roles(const Roles& roles, bool caller_implies_stack) {
  auto of = [&](Role role) {
    auto found = roles.find(role);
    return found == roles.end() ? RightSet{} : found->second;
  };
  RightSet any = common(common(of(Role::kCaller), of(Role::kStack)), of(Role::kSpawned));
  GrantNode node;
  node.any = names_of(any);
  for (Role role : kEveryRole) {
    RightSet beyond = of(role);
    beyond.remove(any);
    if (role == Role::kStack && caller_implies_stack) beyond.remove(of(Role::kCaller));
    if (!beyond.empty()) node.roles[role] = names_of(beyond);
  }
  return node;
}

}  // namespace

GrantNode shortest(const Grants& grants, bool caller_implies_stack) {
  Roles both;
  for (Role role : kEveryRole)
    both[role] = common(rights_in(grants, Phase::kInit, role), rights_in(grants, Phase::kServing, role));
  GrantNode node = shortest_roles(both, caller_implies_stack);
  for (Phase phase : kEveryPhase) {
    Roles beyond;
    for (Role role : kEveryRole) {
      beyond[role] = rights_in(grants, phase, role);
      beyond[role].remove(both[role]);
    }
    GrantNode only = shortest_roles(beyond, caller_implies_stack);
    if (!only.empty()) node.phases[phase] = std::move(only);
  }
  return node;
}

}  // namespace libguard
