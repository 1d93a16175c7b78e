// SPDX-License-Identifier: Apache-2.0
// `libguard report PROFILE`: what each library did, as a heatmap, text, JSON or CSV.
//
// Way:     profile (+ policy, + events) -> report.
// Thread:  main thread.
// Failure: an input that cannot be read or an output that cannot be written: one line with a hint, exit 2.
#include "core/emit/report.h"

#include <memory>
#include <optional>

#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/base/text.h"

namespace libguard {
namespace {

struct ReportFlags {
  std::string profile, policy, events, output, format;
  bool json = false;
};

struct Format {
  const char* name;
  const char* ending;
  Result<std::string> (*render)(const ReportInput&);
};
constexpr Format kFormats[] = {{"html", ".html", render_heatmap},
                               {"text", ".txt", render_text},
                               {"json", ".json", render_json},
                               {"csv", ".csv", render_csv}};

// --format, else the ending of the output's name, else html for a file and text for the terminal.
Result<const Format*> chosen_format(const ReportFlags& flags) {
  std::string name = flags.json ? "json" : flags.format;
  std::vector<std::string> known;
  for (const Format& format : kFormats) {
    known.push_back(format.name);
    if (name == format.name) return &format;
    std::string_view output = flags.output;
    if (name.empty() && output.ends_with(format.ending)) return &format;
  }
  if (!name.empty()) return fail(Code::kInvalid, "report: unknown format '" + name + "'", did_you_mean(name, known));
  const std::string file = flags.output.substr(flags.output.rfind('/') + 1);
  if (const size_t dot = file.rfind('.'); dot != std::string::npos && dot > 0)
    return fail(Code::kInvalid, "report: no format has the ending '" + file.substr(dot) + "'",
                "use .html, .txt, .json or .csv, or say --format");
  return flags.output.empty() || flags.output == "-" ? &kFormats[1] : &kFormats[0];
}

int run_report(const ReportFlags& flags) {
  Result<const Format*> format = chosen_format(flags);
  if (!format) return trouble(format.error());
  Result<Profile> profile = load_profile(flags.profile);
  if (!profile) return trouble(profile.error());
  std::optional<Rules> rules;
  if (!flags.policy.empty()) {
    Result<Rules> loaded = Rules::load(flags.policy);
    if (!loaded) return trouble(loaded.error());
    rules = std::move(*loaded);
  }
  ReportInput input{*profile, rules ? &*rules : nullptr, {}, flags.profile.substr(flags.profile.rfind('/') + 1)};
  if (!flags.events.empty()) {
    Result<std::vector<Event>> events = load_events(flags.events);
    if (!events) return trouble(events.error());
    input.events = std::move(*events);
  }
  Result<std::string> text = (*format)->render(input);
  if (!text) return trouble(text.error());
  return answer_to(flags.output, *text, kYes);
}

}  // namespace

void add_report(CLI::App& app, Verbs& verbs) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* verb = app.add_subcommand("report", "Show what each library did: heatmap, text, JSON or CSV");
  verb->add_option("PROFILE", flags->profile, "A profile that record wrote")->required();
  verb->add_option("--policy", flags->policy, "Show what this policy allows and denies");
  verb->add_option("--events", flags->events, "Show the deviations of this events file");
  verb->add_option("-o,--output", flags->output, "File to write; its ending chooses the format");
  verb->add_option("--format", flags->format, "html, text, json or csv");
  verb->add_flag("--json", flags->json, "The same as --format json");
  verbs.push_back({verb, [flags] { return run_report(*flags); }});
}

}  // namespace libguard
