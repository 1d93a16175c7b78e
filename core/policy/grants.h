// SPDX-License-Identifier: Apache-2.0
// Grants: how sets of rights per phase and role are added, named and written down shortly.
//
// Way:     profile -> *policy*.
// Thread:  pure functions.
// Failure: none.
#pragma once

#include <string>
#include <vector>

#include "core/policy/policy.h"

namespace libguard {

RightSet rights_in(const Grants& grants, Phase phase, Role role);
void add_grants(Grants& grants, const Grants& more);
void remove_grants(Grants& grants, const Grants& less);
bool grants_empty(const Grants& grants);
Grants everywhere(const RightSet& rights);  // in every phase and role
RightSet common(const RightSet& a, const RightSet& b);
RightSet dangerous_rights();

// Sorted names: whole groups as "@group" (in the order of the table), what remains as single rights.
std::vector<std::string> names_of(const RightSet& rights);

// Rights that are granted one by one even where others are granted by group.
bool is_exact_group(lg_group group);
bool is_judged_by_caller(lg_group group);  // @object-theft: being on the stack of it is nobody's fault
// The right, or its whole group where grants go by group.
RightSet widened(Right right, bool exact);

// A tree of names as the policy writes it: keys "", any, caller, stack, spawned, init, serving.
struct GrantNode {
  std::vector<std::string> any;  // written as a plain list when it is alone
  std::map<Role, std::vector<std::string>> roles;
  std::map<Phase, GrantNode> phases;
  bool empty() const { return any.empty() && roles.empty() && phases.empty(); }
};
// Caller implies stack, so `stack` leaves out what `caller` says; not in denials.
GrantNode shortest(const Grants& grants, bool caller_implies_stack);

}  // namespace libguard
