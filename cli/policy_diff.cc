// SPDX-License-Identifier: Apache-2.0
// `libguard policy diff A B`: two profiles or two policies, library by library, what is dangerous first.
//
// Way:     the review before an upgrade or a change.
// Thread:  main thread.
// Failure: exit 2 if something cannot be read; 1 if they differ.
#include <memory>

#include "cli/answer.h"
#include "cli/policy_verbs.h"
#include "core/policy/diff.h"

namespace libguard {
namespace {

struct DiffOptions {
  std::string a, b;
  bool json = false;
};

Result<Diff> diff(const std::string& a, const std::string& b) {
  auto kind_a = kind_of_file(a), kind_b = kind_of_file(b);
  for (const auto* kind : {&kind_a, &kind_b})
    if (!*kind) return tl::unexpected(kind->error());
  bool profiles = *kind_a == FileKind::kProfile;
  if (*kind_a != *kind_b || *kind_a == FileKind::kEvents)
    return fail(Code::kInvalid, a + " and " + b + " are not of one kind", "name two profiles or two policies");
  if (profiles) {
    auto old_profile = load_profile(a), new_profile = load_profile(b);
    for (const auto* profile : {&old_profile, &new_profile})
      if (!*profile) return tl::unexpected(profile->error());
    return diff_profiles(*old_profile, *new_profile);
  }
  auto old_rules = Rules::load(a), new_rules = Rules::load(b);
  for (const auto* rules : {&old_rules, &new_rules})
    if (!*rules) return tl::unexpected(rules->error());
  return diff_policies(*old_rules, *new_rules);
}

int run_diff(const DiffOptions& options) {
  auto found = diff(options.a, options.b);
  if (!found) return trouble(found.error());
  return answer(options.json ? to_json(*found) : to_text(*found), found->same() ? kYes : kNo);
}

}  // namespace

void add_policy_diff(CLI::App& policy, Verbs& verbs) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* verb = policy.add_subcommand("diff", "What is new and what is gone between two profiles or policies");
  verb->add_option("A", options->a, "The old one")->required();
  verb->add_option("B", options->b, "The new one")->required();
  verb->add_flag("--json", options->json, "Print one JSON object");
  verbs.push_back({verb, [options] { return run_diff(*options); }});
}

}  // namespace libguard
