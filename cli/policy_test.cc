// SPDX-License-Identifier: Apache-2.0
// `libguard policy test POLICY PROFILE|EVENTS`: what of this would be refused?
//
// Way:     profile or events -> verdict, without a process.
// Thread:  main thread.
// Failure: exit 2 if something cannot be read; 1 if something would be refused.
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/answer.h"
#include "cli/policy_verbs.h"
#include "core/policy/judge.h"

namespace libguard {
namespace {

struct TestOptions {
  std::string policy, subject;
  bool json = false;
};

struct Tested {
  size_t judged = 0;
  std::vector<Event> refused;
};

Result<Tested> test(const Rules& rules, const std::string& path) {
  auto kind = kind_of_file(path);
  if (!kind) return tl::unexpected(kind.error());
  Tested tested;
  if (*kind == FileKind::kProfile) {
    auto profile = load_profile(path);
    if (!profile) return tl::unexpected(profile.error());
    tested.judged = profile->observations.size();
    for (const Observation& seen : profile->observations)
      if (Judged judged = judge(rules, seen); !judged.allowed) tested.refused.push_back(as_event(rules, seen, judged));
    tested.refused = distinct_deviations(tested.refused);
    return tested;
  }
  auto events = load_events(path);
  if (!events) return tl::unexpected(events.error());
  for (Event& event : distinct_deviations(*events)) {
    tested.judged++;
    Judged judged = judge(rules, event);
    if (judged.allowed) continue;
    event.culprits = judged.culprits;
    event.grant = rules.grant_line(event);
    tested.refused.push_back(std::move(event));
  }
  return tested;
}

std::string text_of(const Tested& tested) {
  std::string text;
  for (Event event : tested.refused) {
    event.action = "deny";
    text += to_text_line(event) + "\n";
    std::string lines = event.grant.empty() ? "nothing can allow this" : "allowed by: " + event.grant;
    text += "  ";
    for (char c : lines) text += c == '\n' ? std::string("\n              ") : std::string(1, c);
    text += "\n";
  }
  return text + std::to_string(tested.judged) + " judged, " + std::to_string(tested.refused.size()) + " refused\n";
}

std::string json_of(const Tested& tested) {
  nlohmann::ordered_json object{{"judged", tested.judged}, {"refused", nlohmann::ordered_json::array()}};
  for (const Event& event : tested.refused)
    object["refused"].push_back(nlohmann::ordered_json::parse(to_json_line(event), nullptr, false));
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int run_test(const TestOptions& options) {
  auto rules = Rules::load(options.policy);
  if (!rules) return trouble(rules.error());
  auto tested = test(*rules, options.subject);
  if (!tested) return trouble(tested.error());
  return answer(options.json ? json_of(*tested) : text_of(*tested), tested->refused.empty() ? kYes : kNo);
}

}  // namespace

void add_policy_test(CLI::App& policy, Verbs& verbs) {
  auto options = std::make_shared<TestOptions>();
  CLI::App* verb = policy.add_subcommand("test", "List what of a profile or of events a policy would refuse");
  verb->add_option("POLICY", options->policy, "The policy")->required();
  verb->add_option("PROFILE|EVENTS", options->subject, "What to judge")->required();
  verb->add_flag("--json", options->json, "Print one JSON object");
  verbs.push_back({verb, [options] { return run_test(*options); }});
}

}  // namespace libguard
