// SPDX-License-Identifier: Apache-2.0
// `libguard policy explain POLICY [LIBRARY]`: effective rights, and where they come from.
//
// Way:     policy (+ its profile) -> people.
// Thread:  main thread.
// Failure: exit 2 if something cannot be read or the library is not known.
#include <memory>

#include "cli/answer.h"
#include "cli/policy_verbs.h"
#include "core/policy/explain.h"

namespace libguard {
namespace {

struct ExplainOptions {
  std::string policy, library;
  bool json = false;
};

int run_explain(const ExplainOptions& options) {
  auto rules = Rules::load(options.policy);
  if (!rules) return trouble(rules.error());
  auto text = options.json ? explain_rules_json(*rules, options.library) : explain_rules(*rules, options.library);
  return text ? answer(*text, kYes) : trouble(text.error());
}

}  // namespace

void add_policy_explain(CLI::App& policy, Verbs& verbs) {
  auto options = std::make_shared<ExplainOptions>();
  CLI::App* verb = policy.add_subcommand("explain", "Show effective rights per library, and where they come from");
  verb->add_option("POLICY", options->policy, "The policy")->required();
  verb->add_option("LIBRARY", options->library, "Only this one, with or without version; 'application' too");
  verb->add_flag("--json", options->json, "Print one JSON object");
  verbs.push_back({verb, [options] { return run_explain(*options); }});
}

}  // namespace libguard
