// SPDX-License-Identifier: Apache-2.0
// `libguard policy check POLICY`: schema, pinned digest, and entries that do nothing.
//
// Way:     before a policy is put into force.
// Thread:  main thread.
// Failure: exit 2 if it cannot be used; 1 if there are remarks.
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/answer.h"
#include "cli/policy_verbs.h"
#include "core/event/format.h"
#include "core/policy/check.h"

namespace libguard {
namespace {

struct CheckOptions {
  std::string policy;
  bool json = false;
};

std::string text_of(const std::vector<Remark>& remarks, const std::string& policy) {
  std::string text;
  for (const Remark& remark : remarks) {
    text += policy + ": " + (remark.library.empty() ? "" : printable(remark.library, 200) + ": ") + remark.what + "\n";
    text += "  hint: " + remark.hint + "\n";
  }
  return remarks.empty() ? policy + ": good\n" : text;
}

std::string json_of(const std::vector<Remark>& remarks) {
  nlohmann::ordered_json object{{"good", remarks.empty()}, {"remarks", nlohmann::ordered_json::array()}};
  for (const Remark& remark : remarks)
    object["remarks"].push_back({{"library", remark.library}, {"what", remark.what}, {"hint", remark.hint}});
  return object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int run_check(const CheckOptions& options) {
  auto policy = load_policy(options.policy);
  if (!policy) return trouble(policy.error());
  std::optional<Profile> profile;
  if (!policy->profile_path.empty()) {
    auto loaded = load_profile(policy->profile_path);
    if (!loaded) return trouble(loaded.error());
    profile = std::move(*loaded);
  }
  std::vector<Remark> remarks = remarks_on(*policy, profile ? &*profile : nullptr);
  return answer(options.json ? json_of(remarks) : text_of(remarks, options.policy), remarks.empty() ? kYes : kNo);
}

}  // namespace

void add_policy_check(CLI::App& policy, Verbs& verbs) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* verb = policy.add_subcommand("check", "Check a policy: format, pinned profile, entries that do nothing");
  verb->add_option("POLICY", options->policy, "The policy")->required();
  verb->add_flag("--json", options->json, "Print one JSON object");
  verbs.push_back({verb, [options] { return run_check(*options); }});
}

}  // namespace libguard
