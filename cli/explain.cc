// SPDX-License-Identifier: Apache-2.0
// `libguard explain EVENTS [ID]`: what happened, why, and the line of policy that would allow it.
//
// Way:     after the action: events -> people.
// Thread:  main thread.
// Failure: exit 2 if the events cannot be read or the id is not there.
#include "core/policy/explain.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/analyze_targets.h"
#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/base/text.h"
#include "core/event/format.h"

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

// What static analysis knows of a call that no run had shown: the shortest way to it.
class Ways {
 public:
  struct Way {
    std::vector<std::string> functions;  // outermost first; empty: none
    std::string text;
  };
  // Nothing for events that are not about a whitelist, or whose program is not here.
  std::optional<Way> to(const Event& event) {
    const bool unlisted = std::any_of(event.culprits.begin(), event.culprits.end(),
                                      [](const Culprit& culprit) { return culprit.role == "process"; });
    if (!unlisted || event.right_nr < 0 || event.right_nr >= static_cast<int>(CallSet().size())) return std::nullopt;
    const Analysis* analysis = analysis_of(event.exe);
    if (analysis == nullptr) return std::nullopt;
    Way way;
    const std::vector<Node> makers = analysis->makers_of(event.right_nr);
    for (auto [node, how] :
         makers.empty() ? decltype(analysis->closure().path_to(0)){} : analysis->closure().path_to(makers.front()))
      way.functions.push_back(analysis->program().name_of(node));
    if (way.functions.empty())
      way.text =
          "static analysis finds no way to this call: a library that is opened at run time ('libguard analyze "
          "--with'), or code that is not the program's";
    else
      way.text = "static analysis finds a way to it: ";
    for (size_t i = 0; i < way.functions.size(); i++)
      way.text += (i == 0 ? "" : " > ") + printable(way.functions[i], 200);
    return way;
  }

 private:
  const Analysis* analysis_of(const std::string& program) {
    auto [known, fresh] = targets_.try_emplace(program);
    if (fresh && ::access(program.c_str(), R_OK) == 0) {
      TargetRequest request;
      request.program = program;
      request.options.cache = cache_;
      if (auto targets = analyse_targets(std::move(request))) known->second = std::move(*targets);
    }
    return known->second && !known->second->analyses.empty() ? known->second->analyses.front().get() : nullptr;
  }

  std::shared_ptr<SummaryCache> cache_ = std::make_shared<SummaryCache>(SummaryCache::default_directory());
  std::map<std::string, std::optional<Targets>> targets_;
};

std::string explained_json(const Event& event, const std::optional<Ways::Way>& way) {
  if (!way) return explain_event_json(event);
  auto object = nlohmann::ordered_json::parse(explain_event_json(event), nullptr, false);
  object["way"] = way->functions;
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
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
  Ways ways;
  for (Event& event : *deviations) {
    if (rules) event.grant = rules->grant_line(event);
    const auto way = ways.to(event);
    if (options.json)
      text += (text.empty() ? "" : ",\n") + explained_json(event, way);
    else
      text += (text.empty() ? "" : "\n") + explain_event(event) + (way ? "  " + way->text + "\n" : "");
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
