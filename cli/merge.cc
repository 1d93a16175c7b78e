// SPDX-License-Identifier: Apache-2.0
// `libguard merge A B … [-o FILE]`: the union of profiles; with --check: does A already hold all of the others?
//
// Way:     recordings -> one profile.
// Thread:  main thread.
// Failure: exit 2 if something cannot be read or written; with --check 1 if A lacks something.
#include <memory>

#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/policy/diff.h"

namespace libguard {
namespace {

struct MergeOptions {
  std::vector<std::string> profiles;
  std::string output;
  bool check = false, json = false;
};

// What the union would add to A, as the text or JSON of a diff.
int check_superset(const Profile& a, const Profile& all, bool json) {
  bool superset = is_superset(a, all);
  Diff diff = diff_profiles(a, all);
  if (json) return answer(to_json(diff), superset ? kYes : kNo);
  return answer(superset ? "" : to_text(diff), superset ? kYes : kNo);
}

int run_merge(const MergeOptions& options) {
  Profile first, all;
  for (size_t i = 0; i < options.profiles.size(); i++) {
    auto profile = load_profile(options.profiles[i]);
    if (!profile) return trouble(profile.error());
    if (i == 0) first = *profile;
    all = i == 0 ? merge(*profile, *profile) : merge(all, *profile);
  }
  if (options.check) return check_superset(first, all, options.json);
  return answer_to(options.output, to_json(all), kYes);
}

}  // namespace

void add_merge(CLI::App& app, Verbs& verbs) {
  auto options = std::make_shared<MergeOptions>();
  CLI::App* verb = app.add_subcommand("merge", "Unite profiles; --check: does the first hold all of the others?");
  verb->add_option("PROFILES", options->profiles, "Profiles that record wrote")->required();
  verb->add_option("-o,--output", options->output, "File to write; else standard output");
  verb->add_flag("--check", options->check, "Write nothing; exit 1 and say what is new if the first lacks something");
  verb->add_flag("--json", options->json, "With --check: print one JSON object (profiles are always JSON)");
  verbs.push_back({verb, [options] { return run_merge(*options); }});
}

}  // namespace libguard
