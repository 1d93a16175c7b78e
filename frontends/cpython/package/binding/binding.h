// SPDX-License-Identifier: Apache-2.0
// What the parts of the Python module share: errors, names of phases, roles and rights.
//
// Way:     beside the way: profiles, policies and reports for tools written in Python.
// Thread:  with the GIL.
// Failure: an Error becomes libguard.LibguardError(what, hint, code).
#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/policy/policy.h"
#include "core/profile/profile.h"

namespace libguard {

void bind_profile(pybind11::module_& module);
void bind_policy(pybind11::module_& module);
void bind_report(pybind11::module_& module);

[[noreturn]] void raise_error(const Error& error);

template <class T>
T value_or_raise(Result<T> result) {
  if (!result) raise_error(result.error());
  return std::move(*result);
}

void raise_if_failed(const Status& status);

Phase phase_from(const std::string& name);  // "init", "serving"
Role role_from(const std::string& name);    // "stack", "caller", "spawned"
Right right_from(const std::string& name);
lg_group group_from(const std::string& name);
std::vector<std::string> right_names(const RightSet& rights);

// {phase: {role: [right, ...]}}
using NamedRights = std::map<std::string, std::map<std::string, std::vector<std::string>>>;
NamedRights named(const std::map<Phase, std::map<Role, RightSet>>& rights);

}  // namespace libguard
