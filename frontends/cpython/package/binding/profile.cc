// SPDX-License-Identifier: Apache-2.0
// Profiles and observations in Python.
//
// Way:     see binding.h.
// Thread:  with the GIL.
// Failure: see binding.h.
#include "core/rights/rights.h"
#include "frontends/cpython/package/binding/binding.h"

namespace py = pybind11;

namespace libguard {
namespace {

std::map<std::string, NamedRights> libraries_of(const Profile& profile) {
  std::map<std::string, NamedRights> result;
  for (const auto& [purl, rights] : profile.libraries) result.emplace(purl, named(rights));
  return result;
}

void bind_observation(py::module_& module) {
  py::class_<Observation>(module, "Observation", "One thing that was seen, with a sample of its stack.")
      .def_readonly("caller", &Observation::caller, "The library that is judged as caller.")
      .def_readonly("direct", &Observation::direct, "Library and function of the innermost frame.")
      .def_readonly("direct_function", &Observation::direct_function,
                    "Dotted name of the innermost frame that is not the runtime's, where its cell is asked for.")
      .def_readonly("libraries", &Observation::libraries, "The libraries on the stack, sorted.")
      .def_readonly("spawners", &Observation::spawners, "The libraries active when the program was started.")
      .def_readonly("program", &Observation::program, "The executable.")
      .def_readonly("count", &Observation::count, "How often it was seen.")
      .def_readonly("stack", &Observation::stack, "A sample: 'purl|module.qualname', innermost first.")
      .def_property_readonly(
          "phase", [](const Observation& seen) { return std::string(phase_name(seen.phase)); }, "'init' or 'serving'.")
      .def_property_readonly(
          "right", [](const Observation& seen) { return right_name(seen.right); }, "Name of the right.")
      .def_property_readonly(
          "group", [](const Observation& seen) { return std::string(group_name(group_of(seen.right))); },
          "Name of the right's group.")
      .def("__repr__", [](const Observation& seen) {
        return "<Observation " + right_name(seen.right) + " by " + seen.caller + ", " + std::to_string(seen.count) +
               "x>";
      });
}

}  // namespace

void bind_profile(py::module_& module) {
  bind_observation(module);
  py::class_<Profile>(module, "Profile", "What was seen while recording. Load it with load_profile().")
      .def(py::init<>(), "An empty profile.")
      .def_property_readonly(
          "command", [](const Profile& profile) { return profile.target.command; }, "The command that was recorded.")
      .def_property_readonly("libraries", &libraries_of, "{purl: {phase: {role: [right, ...]}}}")
      .def_readonly("observations", &Profile::observations, "All that was seen, sorted.")
      .def_readonly("completeness", &Profile::completeness, "{cause: how much was lost}")
      .def_property_readonly("complete", &Profile::complete, "Nothing was lost.")
      .def(
          "to_json", [](const Profile& profile) { return to_json(profile); },
          "The profile's text: sorted, diff-friendly.")
      .def(
          "save", [](const Profile& profile, const std::string& path) { raise_if_failed(save_profile(profile, path)); },
          py::arg("path"), "Write the profile; a failure leaves an old file as it was.")
      .def(
          "contains", [](const Profile& profile, const Profile& other) { return is_superset(profile, other); },
          py::arg("other"), "Has this profile every right of every library of the other?")
      .def(
          "__eq__", [](const Profile& a, const Profile& b) { return a == b; }, py::is_operator(), "Same content.")
      .def("__repr__", [](const Profile& profile) {
        return "<Profile of " + std::to_string(profile.libraries.size()) + " libraries, " +
               std::to_string(profile.observations.size()) + " observations>";
      });
  module.def(
      "load_profile", [](const std::string& path) { return value_or_raise(load_profile(path)); }, py::arg("path"),
      "Read a profile from a file.");
  module.def(
      "parse_profile",
      [](const std::string& text, const std::string& name) { return value_or_raise(parse_profile(text, name)); },
      py::arg("text"), py::arg("name") = "profile", "Read a profile from its text; `name` is used in errors.");
  module.def("merge", &merge, py::arg("a"), py::arg("b"), "Union of two profiles; counts are the larger ones.");
}

}  // namespace libguard
