// SPDX-License-Identifier: Apache-2.0
// libguard._core: the core's profiles, policies, rules and reports in Python.
//
// Way:     see binding.h.
// Thread:  with the GIL.
// Failure: see binding.h.
#include "core/base/text.h"
#include "core/library/purl.h"
#include "core/rights/rights.h"
#include "frontends/cpython/package/binding/binding.h"

namespace py = pybind11;

namespace libguard {
namespace {

const char* code_name(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not-found";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kDenied:
      return "denied";
    case Code::kIo:
      return "io";
    case Code::kLimit:
      return "limit";
  }
  return "invalid";
}

std::vector<std::string> every_right(const std::string& group) {
  std::vector<std::string> names;
  for (Right right : group.empty() ? all_rights() : rights_of(group_from(group))) names.push_back(right_name(right));
  return names;
}

std::map<std::string, bool> every_group() {
  std::map<std::string, bool> groups;
  for (int group = 0; group < LG_GROUPS; group++)
    groups.emplace(group_name(static_cast<lg_group>(group)), is_dangerous(static_cast<lg_group>(group)));
  return groups;
}

}  // namespace

void raise_error(const Error& error) {
  py::object type = py::module_::import("libguard._error").attr("LibguardError");
  PyErr_SetObject(type.ptr(), py::make_tuple(error.what, error.hint, code_name(error.code)).ptr());
  throw py::error_already_set();
}

void raise_if_failed(const Status& status) {
  if (!status) raise_error(status.error());
}

Phase phase_from(const std::string& name) {
  for (Phase phase : kEveryPhase)
    if (phase_name(phase) == name) return phase;
  raise_error({Code::kInvalid, "unknown phase '" + name + "'", did_you_mean(name, {"init", "serving"})});
}

Role role_from(const std::string& name) {
  for (Role role : kEveryRole)
    if (role_name(role) == name) return role;
  raise_error({Code::kInvalid, "unknown role '" + name + "'", did_you_mean(name, {"stack", "caller", "spawned"})});
}

Right right_from(const std::string& name) {
  if (auto right = find_right(name)) return *right;
  auto near = suggest(name);
  raise_error({Code::kInvalid, "unknown right '" + name + "'",
               near ? "did you mean '" + *near + "'?" : "libguard.rights() lists all of them"});
}

lg_group group_from(const std::string& name) {
  if (auto group = find_group(name)) return *group;
  auto near = suggest(name);
  raise_error({Code::kInvalid, "unknown group '" + name + "'",
               near ? "did you mean '" + *near + "'?" : "libguard.groups() lists all of them"});
}

std::vector<std::string> right_names(const RightSet& rights) {
  std::vector<std::string> names;
  for (Right right : rights.rights()) names.push_back(right_name(right));
  return names;
}

NamedRights named(const std::map<Phase, std::map<Role, RightSet>>& rights) {
  NamedRights result;
  for (const auto& [phase, roles] : rights)
    for (const auto& [role, set] : roles)
      result[std::string(phase_name(phase))][std::string(role_name(role))] = right_names(set);
  return result;
}

}  // namespace libguard

PYBIND11_MODULE(_core, module) {
  using namespace libguard;
  module.doc() = "The core of libguard: profiles, policies, rules and reports.";
  bind_profile(module);
  bind_policy(module);
  bind_report(module);
  module.def("rights", &every_right, py::arg("group") = "", "Names of all rights, or of those of one group.");
  module.def("groups", &every_group, "{name: is it dangerous?} of all groups.");
  module.def(
      "normal_purl", [](const std::string& text) { return value_or_raise(parse_purl(text)).text(); }, py::arg("purl"),
      "The package URL in its normal form: pkg:pypi/Foo_Bar@1 -> pkg:pypi/foo-bar@1.");
}
