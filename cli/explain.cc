// SPDX-License-Identifier: Apache-2.0
// `libguard explain EVENTS [ID]`: what happened, why, and the line of policy that would allow it.
//
// Way:     after the action: events -> people.
// Thread:  main thread.
// Failure: exit 2 if the events cannot be read or the id is not there.
#include "core/policy/explain.h"

#include <memory>
#include <optional>

#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/base/text.h"

namespace libguard {
namespace {

struct ExplainOptions {
  std::string events, id, policy;
  bool json = false;
};

// The deviation whose id starts with `id`; all of them if it is empty.
Result<std::vector<Event>> chosen(const std::vector<Event>& deviations, const ExplainOptions& options) {
  if (options.id.empty()) return deviations;
  std::vector<Event> found;
  std::vector<std::string> known;
  for (const Event& event : deviations) {
    known.push_back(event.id);
    if (event.id.rfind(options.id, 0) == 0) found.push_back(event);
  }
  if (found.empty())
    return fail(Code::kNotFound, "no deviation '" + options.id + "' in " + options.events,
                known.empty() ? "there is none at all" : did_you_mean(options.id, known));
  return found;
}

int run_explain(const ExplainOptions& options) {
  auto events = load_events(options.events);
  if (!events) return trouble(events.error());
  auto deviations = chosen(distinct_deviations(*events), options);
  if (!deviations) return trouble(deviations.error());
  std::optional<Rules> rules;
  if (!options.policy.empty()) {
    auto loaded = Rules::load(options.policy);
    if (!loaded) return trouble(loaded.error());
    rules = std::move(*loaded);
  }
  std::string text;
  for (Event& event : *deviations) {
    if (rules) event.grant = rules->grant_line(event);
    if (options.json)
      text += (text.empty() ? "" : ",\n") + explain_event_json(event);
    else
      text += (text.empty() ? "" : "\n") + explain_event(event);
  }
  if (options.json && options.id.empty()) text = "[" + text + "]\n";
  if (!options.json && text.empty()) text = "no deviation\n";
  return answer(text, kYes);
}

}  // namespace

void add_explain(CLI::App& app, Verbs& verbs) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* verb = app.add_subcommand("explain", "Explain deviations: who, what, why, and what would allow it");
  verb->add_option("EVENTS", options->events, "Events that a guard wrote")->required();
  verb->add_option("ID", options->id, "Only this one: its id, or the first digits of it");
  verb->add_option("--policy", options->policy,
                   "Make the proposed grants for this policy, not for the one at the time");
  verb->add_flag("--json", options->json, "Print JSON: one object for an id, else a list");
  verbs.push_back({verb, [options] { return run_explain(*options); }});
}

}  // namespace libguard
