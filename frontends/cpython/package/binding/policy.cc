// SPDX-License-Identifier: Apache-2.0
// Policies, rules, verdicts and differences in Python.
//
// Way:     see binding.h.
// Thread:  with the GIL.
// Failure: see binding.h.
#include "core/policy/accept.h"
#include "core/policy/check.h"
#include "core/policy/diff.h"
#include "core/policy/explain.h"
#include "core/policy/judge.h"
#include "frontends/cpython/package/binding/binding.h"

namespace py = pybind11;

namespace libguard {
namespace {

std::vector<std::pair<std::string, std::string>> culprits_of(const Judged& judged) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Culprit& culprit : judged.culprits) pairs.emplace_back(culprit.purl, culprit.role);
  return pairs;
}

Mode mode_from(const std::string& name) {
  if (auto mode = find_mode(name)) return *mode;
  raise_error({Code::kInvalid, "unknown mode '" + name + "'", "one of: observe, detect, enforce"});
}

void bind_policy_class(py::module_& module) {
  py::class_<Policy>(module, "Policy", "What may happen, and what is done otherwise. Load it with load_policy().")
      .def_property_readonly(
          "mode", [](const Policy& policy) { return std::string(mode_name(policy.mode)); },
          "'observe', 'detect' or 'enforce'.")
      .def_readonly("profile_path", &Policy::profile_path, "Where the pinned profile was found; '' without one.")
      .def_readonly("digest", &Policy::digest, "SHA-256 of the text it was read from.")
      .def_property_readonly(
          "libraries",
          [](const Policy& policy) {
            std::vector<std::string> purls;
            for (const auto& entry : policy.libraries) purls.push_back(entry.first);
            return purls;
          },
          "Package URLs that have an entry.")
      .def(
          "to_yaml", [](const Policy& policy) { return to_yaml(policy); }, "The policy's text in its only layout.")
      .def(
          "to_json", [](const Policy& policy) { return to_json(policy); }, "The same content as JSON.")
      .def(
          "__eq__", [](const Policy& a, const Policy& b) { return same_meaning(a, b); }, py::is_operator(),
          "Do both say the same?");
  module.def(
      "load_policy", [](const std::string& path) { return value_or_raise(load_policy(path)); }, py::arg("path"),
      "Read a policy from a file; the profile it pins must be unchanged.");
  module.def(
      "parse_policy",
      [](const std::string& text, const std::string& name) { return value_or_raise(parse_policy(text, name)); },
      py::arg("text"), py::arg("name") = "policy", "Read a policy from its text; `name` is used in errors.");
  module.def(
      "new_policy",
      [](const Profile& profile, const std::string& path, bool exact, const std::string& mode) {
        NewPolicyOptions options;
        options.exact = exact;
        options.mode = mode_from(mode);
        return value_or_raise(new_policy(profile, path, options));
      },
      py::arg("profile"), py::arg("profile_path"), py::arg("exact") = false, py::arg("mode") = "enforce",
      "Text of a policy that grants what the profile, saved at profile_path, has seen.");
}

void bind_rules(py::module_& module) {
  py::class_<Judged>(module, "Judged", "The verdict on one observation or event.")
      .def_readonly("allowed", &Judged::allowed, "May it happen?")
      .def_property_readonly("culprits", &culprits_of, "[(purl, role), ...] of the libraries that lack the right.")
      .def(
          "__bool__", [](const Judged& judged) { return judged.allowed; }, "The same as allowed.");
  py::class_<Rules>(module, "Rules", "A policy and its profile, compiled: answers for every library.")
      .def_static(
          "load", [](const std::string& path) { return value_or_raise(Rules::load(path)); }, py::arg("path"),
          "Read a policy file and the profile that it pins.")
      .def_static(
          "compile",
          [](const Policy& policy, const Profile* profile) { return value_or_raise(Rules::compile(policy, profile)); },
          py::arg("policy"), py::arg("profile") = nullptr, "Compile a policy with a profile, or alone.")
      .def_property_readonly(
          "mode", [](const Rules& rules) { return std::string(mode_name(rules.mode())); }, "The policy's mode.")
      .def(
          "holds",
          [](const Rules& rules, const std::string& purl, const std::string& right, const std::string& phase,
             const std::string& role) {
            return rules.holds(purl, phase_from(phase), role_from(role), right_from(right));
          },
          py::arg("purl"), py::arg("right"), py::arg("phase") = "init", py::arg("role") = "stack",
          "Does the library hold the right?")
      .def(
          "rights",
          [](const Rules& rules, const std::string& purl, const std::string& phase, const std::string& role) {
            return right_names(rules.rights(purl, phase_from(phase), role_from(role)));
          },
          py::arg("purl"), py::arg("phase") = "init", py::arg("role") = "stack", "Every right the library holds.")
      .def(
          "action",
          [](const Rules& rules, const std::string& right) {
            return std::string(action_name(rules.action(right_from(right))));
          },
          py::arg("right"), "What is done with a deviation: 'log', 'deny' or 'kill'.")
      .def(
          "judge", [](const Rules& rules, const Observation& seen) { return judge(rules, seen); },
          py::arg("observation"), "Would the observation be allowed?")
      .def(
          "judge_event",
          [](const Rules& rules, const std::string& line) { return judge(rules, value_or_raise(parse_event(line))); },
          py::arg("line"), "Would the event, a line of JSON, be allowed?")
      .def(
          "explain",
          [](const Rules& rules, const std::string& purl) { return value_or_raise(explain_rules(rules, purl)); },
          py::arg("purl"), "What the library may do and why, as text.");
}

void bind_diff(py::module_& module) {
  py::class_<DiffLine>(module, "DiffLine", "One difference.")
      .def_readonly("library", &DiffLine::library, "Package URL without version; '' for the whole policy.")
      .def_readonly("added", &DiffLine::added, "New in the second; else gone.")
      .def_readonly("group", &DiffLine::group, "Group of the rights, 'function' or 'setting'.")
      .def_readonly("role", &DiffLine::role, "'caller', 'stack', 'spawned' or ''.")
      .def_readonly("phase", &DiffLine::phase, "'init', 'serving', or '' for both.")
      .def_readonly("names", &DiffLine::names, "The rights, functions or the setting.")
      .def_readonly("dangerous", &DiffLine::dangerous, "Is the group dangerous?");
  py::class_<Diff>(module, "Diff", "What is new and what is gone, library by library, what is dangerous first.")
      .def_readonly("lines", &Diff::lines, "The differences.")
      .def_readonly("new_libraries", &Diff::new_libraries, "Libraries only in the second.")
      .def_readonly("gone_libraries", &Diff::gone_libraries, "Libraries only in the first.")
      .def_readonly("versions", &Diff::versions, "[(purl, 'old -> new'), ...]")
      .def_property_readonly("same", &Diff::same, "There is no difference.")
      .def(
          "to_json", [](const Diff& diff) { return to_json(diff); }, "The differences as JSON.")
      .def(
          "__str__", [](const Diff& diff) { return to_text(diff); }, "The differences as text.");
  module.def("diff", &diff_profiles, py::arg("a"), py::arg("b"), "What changed from profile (or rules) a to b.");
  module.def("diff", &diff_policies, py::arg("a"), py::arg("b"), "What changed from profile (or rules) a to b.");
}

}  // namespace

void bind_policy(py::module_& module) {
  bind_policy_class(module);
  bind_rules(module);
  bind_diff(module);
  module.def(
      "accept",
      [](const Rules& rules, const std::string& events) {
        return accept_events(rules, distinct_deviations(value_or_raise(parse_events(events, "events")))).policy;
      },
      py::arg("rules"), py::arg("events"), "The policy with the grants that these events (lines of JSON) ask for.");
  module.def(
      "check",
      [](const Policy& policy, const Profile* profile) {
        std::vector<std::tuple<std::string, std::string, std::string>> remarks;
        for (const Remark& remark : remarks_on(policy, profile))
          remarks.emplace_back(remark.library, remark.what, remark.hint);
        return remarks;
      },
      py::arg("policy"), py::arg("profile") = nullptr, "[(purl, what, hint), ...] of what looks wrong in a policy.");
  module.def(
      "explain", [](const std::string& line) { return explain_event(value_or_raise(parse_event(line))); },
      py::arg("line"), "An event, a line of JSON, explained as text.");
}

}  // namespace libguard
