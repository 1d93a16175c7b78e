// SPDX-License-Identifier: Apache-2.0
// `libguard policy accept EVENTS --policy POLICY`: the grants that reviewed deviations ask for, in bulk.
//
// Way:     events -> policy.
// Thread:  main thread.
// Failure: exit 2 with one line and a hint; 1 if something cannot be granted.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/answer.h"
#include "cli/policy_verbs.h"
#include "core/base/file.h"
#include "core/event/format.h"
#include "core/policy/accept.h"

namespace libguard {
namespace {

struct AcceptOptions {
  std::string events, policy, output;
  std::vector<std::string> ids;
  bool json = false, write = false;
};

std::string summary_json(const Acceptance& done, const std::string& text) {
  nlohmann::ordered_json object;
  object["changes"] = nlohmann::ordered_json::array();
  object["refusals"] = nlohmann::ordered_json::array();
  for (const auto& change : done.changes)
    object["changes"].push_back({{"event", change.event},
                                 {"library", change.library},
                                 {"role", change.role},
                                 {"name", change.name},
                                 {"dangerous", change.dangerous}});
  for (const auto& refusal : done.refusals)
    object["refusals"].push_back({{"event", refusal.event}, {"library", refusal.library}, {"reason", refusal.reason}});
  object["policy"] = text;
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void talk(const Acceptance& done) {
  for (const auto& change : done.changes)
    std::fprintf(stderr, "%s: %s gets %s as %s%s\n", change.event.c_str(), printable(change.library, 200).c_str(),
                 printable(change.name, 200).c_str(), change.role.c_str(), change.dangerous ? "  (dangerous)" : "");
  for (const auto& refusal : done.refusals)
    std::fprintf(stderr, "%s: %s cannot be granted this: %s\n", refusal.event.c_str(),
                 printable(refusal.library, 200).c_str(), refusal.reason.c_str());
  if (done.changes.empty()) std::fprintf(stderr, "nothing to add\n");
}

Result<std::vector<Event>> chosen_events(const AcceptOptions& options) {
  auto events = load_events(options.events);
  if (!events || options.ids.empty()) return events;
  std::vector<Event> chosen;
  for (const std::string& id : options.ids) {
    auto fits = [&](const Event& event) { return event.id.rfind(id, 0) == 0 && event.kind == "deviation"; };
    if (std::none_of(events->begin(), events->end(), fits))
      return fail(Code::kNotFound, "no deviation '" + id + "' in " + options.events,
                  "'libguard explain " + options.events + "' lists them");
    std::copy_if(events->begin(), events->end(), std::back_inserter(chosen), fits);
  }
  return chosen;
}

int run_accept(const AcceptOptions& options) {
  auto events = chosen_events(options);
  if (!events) return trouble(events.error());
  auto rules = Rules::load(options.policy);
  if (!rules) return trouble(rules.error());
  auto before = read_file(options.policy);
  if (!before) return trouble(before.error());
  Acceptance done = accept_events(*rules, *events);
  std::string text = done.changes.empty() ? *before : to_yaml(done.policy);
  talk(done);
  if (!done.changes.empty() && *before != to_yaml(rules->policy()))
    std::fprintf(stderr, "%s was not in the layout of 'policy fmt': it is laid out anew, comments are kept\n",
                 options.policy.c_str());
  int code = done.refusals.empty() ? kYes : kNo;
  std::string target = options.write ? options.policy : options.output;
  if (!options.json) return answer_to(target, text, code);
  if (!target.empty() && target != "-")
    if (int failed = answer_to(target, text, 0)) return failed;
  return answer(summary_json(done, text), code);
}

}  // namespace

void add_policy_accept(CLI::App& policy, Verbs& verbs) {
  auto options = std::make_shared<AcceptOptions>();
  CLI::App* verb = policy.add_subcommand("accept", "Add the grants that reviewed deviations ask for");
  verb->add_option("EVENTS", options->events, "Events that a guard wrote")->required();
  verb->add_option("--policy", options->policy, "The policy to add them to")->required()->envname("LIBGUARD_POLICY");
  verb->add_option("--id", options->ids, "Only these deviations (their ids, or the first digits)");
  auto* output = verb->add_option("-o,--output", options->output, "File to write; else standard output");
  verb->add_flag("-w,--write", options->write, "Change the policy in place")->excludes(output);
  verb->add_flag("--json", options->json, "Print changes, refusals and the text as one JSON object");
  verbs.push_back({verb, [options] { return run_accept(*options); }});
}

}  // namespace libguard
