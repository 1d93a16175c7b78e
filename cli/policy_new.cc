// SPDX-License-Identifier: Apache-2.0
// `libguard policy new PROFILE`: the policy that allows what was recorded.
//
// Way:     profile -> policy.
// Thread:  main thread.
// Failure: exit 2 with one line and a hint.
#include <filesystem>
#include <memory>

#include "cli/analyze_live.h"
#include "cli/answer.h"
#include "cli/policy_verbs.h"
#include "core/base/text.h"
#include "core/emit/whitelist.h"

namespace libguard {
namespace {

struct NewOptions {
  std::string profile, output, reachable, mode = "enforce";
  bool exact = false, calls = false, json = false, analyze = false;
};

// The profile as seen from the policy's place.
std::string name_beside(const std::string& profile, const std::string& policy) {
  namespace fs = std::filesystem;
  if (policy.empty() || policy == "-") return profile;
  std::error_code error;
  fs::path from = fs::absolute(policy, error).parent_path().lexically_normal();
  fs::path name = fs::absolute(profile, error).lexically_normal().lexically_relative(from);
  return name.empty() ? profile : name.string();
}

// Lists for both phases; an error if the recording never came to serving.
Result<std::map<Phase, std::set<int>>> whitelists(const Profile& profile, const NewOptions& options) {
  WhitelistOptions how;
  how.origin = options.profile;
  Result<Profile> reachable = Profile();
  if (!options.reachable.empty() || options.analyze) {
    reachable = options.analyze ? reachable_of(profile) : load_profile(options.reachable);
    if (!reachable) return tl::unexpected(reachable.error());
    how.reachable = &*reachable;
  }
  std::map<Phase, std::set<int>> lists;
  for (const Phase phase : kEveryPhase) {
    how.phase = phase;
    auto list = make_whitelist(profile, how);
    if (!list) return tl::unexpected(list.error());
    lists[phase] = std::move(list->calls);
  }
  return lists;
}

int run_new(const NewOptions& options) {
  auto mode = find_mode(options.mode);
  if (!mode)
    return trouble({Code::kInvalid, "unknown mode '" + options.mode + "'",
                    did_you_mean(options.mode, {"observe", "detect", "enforce"})});
  auto profile = load_profile(options.profile);
  if (!profile) return trouble(profile.error());
  if (profile->observations.empty())
    return trouble(
        {Code::kInvalid, options.profile + " holds no observation", "record again, with work for the program"});
  NewPolicyOptions how{options.exact, *mode, name_beside(options.profile, options.output), {}};
  if (options.calls || options.analyze || !options.reachable.empty()) {
    auto calls = whitelists(*profile, options);
    if (!calls) return trouble(calls.error());
    how.calls = std::move(*calls);
  }
  auto text = new_policy(*profile, options.profile, how);
  if (!text) return trouble(text.error());
  if (!options.json) return answer_to(options.output, *text, kYes);
  auto policy = parse_policy(*text, "policy");
  return policy ? answer_to(options.output, to_json(*policy), kYes) : trouble(policy.error());
}

}  // namespace

void add_policy_new(CLI::App& policy, Verbs& verbs) {
  auto options = std::make_shared<NewOptions>();
  CLI::App* verb = policy.add_subcommand("new", "Write the policy that allows what a profile saw");
  verb->add_option("PROFILE", options->profile, "A profile that record wrote")->required();
  verb->add_option("-o,--output", options->output, "File to write; else standard output");
  verb->add_option("--mode", options->mode, "observe, detect or enforce (default)");
  verb->add_flag("--exact", options->exact, "Grant by exact right everywhere, not by group");
  verb->add_flag("--calls", options->calls, "With whitelists of system calls for init and serving");
  auto* analyze =
      verb->add_flag("--analyze", options->analyze,
                     "With whitelists: what was recorded, and what static analysis of the programs that ran "
                     "finds from where they began to serve");
  verb->add_option("--reachable", options->reachable,
                   "With whitelists, and a profile of analyze --json that narrows what was not recorded")
      ->excludes(analyze);
  verb->add_flag("--json", options->json, "Write JSON, without comments");
  verbs.push_back({verb, [options] { return run_new(*options); }});
}

}  // namespace libguard
