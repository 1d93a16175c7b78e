// SPDX-License-Identifier: Apache-2.0
// Makes a policy of a profile: every grant on one page, what is dangerous with the stack that needed it.
//
// Way:     profile -> *policy*.
// Thread:  pure functions; reads the profile's bytes for its digest.
// Failure: an Error if the profile file cannot be read.
#include <algorithm>

#include "core/base/file.h"
#include "core/event/event.h"
#include "core/event/format.h"
#include "core/library/library.h"
#include "core/library/purl.h"
#include "core/policy/grants.h"
#include "core/policy/learned.h"
#include "core/policy/policy.h"

namespace libguard {
namespace {

constexpr size_t kStackWidth = 150;

// Which role a library played in an observation, the telling ones first; nothing if it was not there.
std::optional<Role> role_in(const Observation& seen, const std::string& library) {
  auto is = [&](const std::string& name) { return strip_version(name) == library; };
  if (is(seen.caller)) return Role::kCaller;
  if (std::any_of(seen.libraries.begin(), seen.libraries.end(), is)) return Role::kStack;
  if (std::any_of(seen.spawners.begin(), seen.spawners.end(), is)) return Role::kSpawned;
  return std::nullopt;
}

std::string stack_text(const Observation& seen) {
  std::string text;
  bool imported = false;  // the frame before was of the import machinery
  for (const std::string& frame : seen.stack) {
    size_t bar = frame.find('|');
    std::string name =
        bar == std::string::npos || bar + 1 == frame.size() ? frame.substr(0, bar) : frame.substr(bar + 1);
    bool imports = bar != std::string::npos && is_import_frame(std::string_view(frame).substr(0, bar), name);
    if (imports && imported) continue;
    imported = imports;
    name = imports ? kImportFrames : printable(name, 80);
    if (text.size() + name.size() > kStackWidth) return text + " < …";
    text += (text.empty() ? "" : " < ") + name;
  }
  if (!text.empty()) return text;
  return seen.program.empty() ? "no frames" : "the program " + printable(seen.program, 120);
}

// One line per dangerous group that the library holds beyond nothing: the sample where its role tells most.
std::vector<std::string> danger_comments(const Profile& profile, const std::string& library) {
  struct Sample {
    const Observation* seen = nullptr;
    Role role = Role::kSpawned;
  };
  auto rank = [](Role role) { return role == Role::kCaller ? 0 : role == Role::kStack ? 1 : 2; };
  std::map<lg_group, Sample> samples;
  for (const Observation& seen : profile.observations) {
    lg_group group = group_of(seen.right);
    auto role = is_dangerous(group) ? role_in(seen, library) : std::nullopt;
    if (!role || (is_judged_by_caller(group) && *role != Role::kCaller)) continue;
    Sample& sample = samples[group];
    if (sample.seen == nullptr || rank(*role) < rank(sample.role)) sample = {&seen, *role};
  }
  std::vector<std::string> lines;
  for (const auto& [group, sample] : samples)
    lines.push_back("# " + std::string(group_name(group)) + " as " + std::string(role_name(sample.role)) + ", " +
                    right_name(sample.seen->right) + ": " + stack_text(*sample.seen));
  return lines;
}

Grants widened_grants(const Grants& learned, bool exact) {
  Grants wide;
  for (const auto& [phase, roles] : learned)
    for (const auto& [role, rights] : roles)
      for (Right right : rights.rights()) wide[phase][role].add(widened(right, exact));
  return wide;
}

// What is not dangerous is judged on the stack only: granted in every role, it is a plain list.
void level_harmless(Grants& grants) {
  for (auto& [phase, roles] : grants) {
    RightSet harmless = roles[Role::kStack];
    harmless.add(roles[Role::kCaller]);
    harmless.remove(dangerous_rights());
    for (Role role : kEveryRole) {
      roles[role] = common(roles[role], dangerous_rights());
      roles[role].add(harmless);
    }
  }
}

Grants held_by_itself(const std::string& library, const Policy& policy) {
  RightSet rights = policy.defaults;
  if (library == kApplicationName)
    for (int group = 0; group < LG_GROUP_NET_OUT; group++) rights.add(static_cast<lg_group>(group));
  return everywhere(rights);
}

std::vector<std::string> head(const Profile& profile) {
  std::vector<std::string> lines = {
      "# What each library may do, learned by libguard; yours to edit. Format: docs/formats/policy.md",
      "# Dangerous groups have a line above them that shows who needed them: review these first.",
  };
  if (!profile.complete()) lines.push_back("# The recording was not complete: see 'completeness' in the profile.");
  return lines;
}

// Libraries that need nothing beyond the defaults are named in one comment, so that nobody looks for them.
std::vector<std::string> tail(const std::vector<std::string>& plain) {
  if (plain.empty()) return {};
  std::vector<std::string> lines = {"# " + std::to_string(plain.size()) + " more need the defaults only:"};
  for (const std::string& name : plain) {
    if (lines.size() == 1 || lines.back().size() + name.size() > 110) lines.push_back("#  ");
    lines.back() += " " + printable(name, 100);
  }
  return lines;
}

}  // namespace

Result<std::string> new_policy(const Profile& profile, const std::string& profile_path,
                               const NewPolicyOptions& options) {
  auto bytes = read_file(profile_path);
  if (!bytes) return tl::unexpected(bytes.error());
  Policy policy;
  policy.mode = options.mode;
  policy.serving_starts = profile.target.serving_starts;
  policy.init_masters = profile.target.masters;
  policy.data = profile.target.data;
  if (!policy.data.empty())
    policy.comments["data"] = {
        "# The program wrote into these directories of the application's, and no code lay there."};
  policy.calls = options.calls;
  policy.defaults = default_rights();
  policy.profile_file = options.profile_name.empty() ? profile_path : options.profile_name;
  policy.profile_sha256 = sha256_hex(*bytes);
  policy.comments[""] = head(profile);
  Learned learned(&profile);
  std::set<std::string> names;
  for (const auto& [library, unused] : profile.libraries) names.insert(strip_version(library));
  std::vector<std::string> plain;
  for (const std::string& library : names) {
    LibraryRules rules;
    Grants grants = widened_grants(learned.grants(library), options.exact);
    level_harmless(grants);
    remove_grants(grants, held_by_itself(library, policy));
    for (lg_group group : {LG_GROUP_EXEC, LG_GROUP_PROCESS})
      if (auto functions = learned.functions(library, group); !functions.empty()) rules.functions[group] = functions;
    if (grants_empty(grants) && rules.functions.empty()) {
      plain.push_back(library);
      continue;
    }
    rules.grant = std::move(grants);
    policy.libraries[library] = std::move(rules);
    auto comments = danger_comments(profile, library);
    if (!comments.empty()) policy.comments["libraries/" + library] = std::move(comments);
  }
  policy.comments["$"] = tail(plain);
  return to_yaml(policy);
}

}  // namespace libguard
