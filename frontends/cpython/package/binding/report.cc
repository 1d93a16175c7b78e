// SPDX-License-Identifier: Apache-2.0
// Reports in Python.
//
// Way:     see binding.h.
// Thread:  with the GIL.
// Failure: see binding.h.
#include "core/emit/report.h"

#include "core/base/text.h"
#include "frontends/cpython/package/binding/binding.h"

namespace py = pybind11;

namespace libguard {
namespace {

std::string render(const Profile& profile, const std::string& format, const Rules* rules, const std::string& events,
                   const std::string& title) {
  ReportInput input{profile, rules, {}, title};
  if (!events.empty()) input.events = value_or_raise(parse_events(events, "events"));
  if (format == "html") return value_or_raise(render_heatmap(input));
  if (format == "text") return value_or_raise(render_text(input));
  if (format == "json") return value_or_raise(render_json(input));
  if (format == "csv") return value_or_raise(render_csv(input));
  raise_error(
      {Code::kInvalid, "unknown format '" + format + "'", did_you_mean(format, {"html", "text", "json", "csv"})});
}

}  // namespace

void bind_report(py::module_& module) {
  module.def("report", &render, py::arg("profile"), py::arg("format") = "html", py::arg("rules") = nullptr,
             py::arg("events") = "", py::arg("title") = "profile",
             "A report of a profile as 'html' (the heatmap), 'text', 'json' or 'csv'.");
}

}  // namespace libguard
