// SPDX-License-Identifier: Apache-2.0
// `libguard policy schema [policy|profile|event]`: the JSON Schema that files are checked with.
//
// Way:     beside the way: for editors and other tools.
// Thread:  main thread.
// Failure: exit 2 for an unknown name.
#include <memory>

#include "cli/answer.h"
#include "cli/policy_verbs.h"
#include "core/base/text.h"
#include "core/event/format.h"

namespace libguard {
namespace {

int run_schema(const std::string& name) {
  if (name == "policy") return answer(std::string(schema_text(Format::kPolicy)), kYes);
  if (name == "profile") return answer(std::string(schema_text(Format::kProfile)), kYes);
  if (name == "event") return answer(std::string(schema_text(Format::kEvent)), kYes);
  return trouble({Code::kInvalid, "no schema '" + name + "'", did_you_mean(name, {"policy", "profile", "event"})});
}

}  // namespace

void add_policy_schema(CLI::App& policy, Verbs& verbs) {
  auto name = std::make_shared<std::string>("policy");
  auto json = std::make_shared<bool>(true);
  CLI::App* verb = policy.add_subcommand("schema", "Print the JSON Schema of policy, profile or event");
  verb->add_option("FORMAT", *name, "policy (default), profile or event");
  verb->add_flag("--json", *json, "Schemas are always JSON");
  verbs.push_back({verb, [name, json] { return run_schema(*name); }});
}

}  // namespace libguard
