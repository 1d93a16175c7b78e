// SPDX-License-Identifier: Apache-2.0
// Compiles a policy and its profile into effective rights per library.
//
// Way:     profile -> *policy* -> matrix -> verdict.
// Thread:  compile() builds, everything else only reads.
// Failure: compile() fails only where the policy contradicts itself; load() names the file.
#include "core/library/library.h"
#include "core/library/purl.h"
#include "core/policy/grants.h"
#include "core/policy/learned.h"
#include "core/policy/policy.h"

namespace libguard {
namespace {

constexpr lg_group kCellGroups[] = {LG_GROUP_EXEC, LG_GROUP_PROCESS};

// Nobody is refused for being on the stack of these: a grant would say something that does not matter.
void drop_unjudged(Grants& grants) {
  RightSet unjudged;
  for (int group = 0; group < LG_GROUPS; group++)
    if (is_judged_by_caller(static_cast<lg_group>(group))) unjudged.add(static_cast<lg_group>(group));
  for (auto& [phase, roles] : grants)
    for (Role role : {Role::kStack, Role::kSpawned}) roles[role].remove(unjudged);
}

Grants phase_shape(const Profile::Rights& seen, bool knows_serving) {
  Grants grants;
  for (Role role : kEveryRole) {
    RightSet init = rights_in(seen, Phase::kInit, role), serving = rights_in(seen, Phase::kServing, role);
    RightSet all = init;
    all.add(serving);
    RightSet late = all;  // what is held in serving
    if (knows_serving) {
      RightSet early_only = common(init, dangerous_rights());
      early_only.remove(serving);
      late.remove(early_only);
    }
    grants[Phase::kInit][role] = all;
    grants[Phase::kServing][role] = late;
  }
  drop_unjudged(grants);
  return grants;
}

}  // namespace

Learned::Learned(const Profile* profile) {
  if (profile == nullptr) return;
  bool knows_serving = false;
  for (const Observation& seen : profile->observations) knows_serving |= seen.phase == Phase::kServing;
  for (const auto& [library, rights] : profile->libraries) {
    Grants shaped = phase_shape(rights, knows_serving);
    add_grants(grants_[library], shaped);
    if (strip_version(library) != library) add_grants(grants_[strip_version(library)], shaped);
  }
  for (lg_group group : kCellGroups)
    for (const auto& [library, function] : functions_seen(*profile, group))
      for (const std::string& name : {library, strip_version(library)}) functions_[{name, group}].insert(function);
}

Grants Learned::grants(const std::string& library) const {
  auto found = grants_.find(library);
  if (found == grants_.end()) found = grants_.find(strip_version(library));
  return found == grants_.end() ? Grants{} : found->second;
}

std::set<std::string> Learned::functions(const std::string& library, lg_group group) const {
  auto found = functions_.find({library, group});
  if (found == functions_.end() && !grants_.count(library)) found = functions_.find({strip_version(library), group});
  return found == functions_.end() ? std::set<std::string>{} : found->second;
}

std::set<std::string> Learned::names() const {
  std::set<std::string> names;
  for (const auto& [name, unused] : grants_) names.insert(name);
  return names;
}

// Builds the entries one by one.
struct RulesBuilder {
  const Policy& policy;
  Learned learned;
  Rules rules;

  const LibraryRules* written(const std::string& name) const {
    auto found = policy.libraries.find(name);
    return found == policy.libraries.end() ? nullptr : &found->second;
  }

  RightSet defaults() const {
    RightSet rights = policy.defaults, reading;
    reading.add(LG_GROUP_FILE_READ);
    if (policy.strict_read) rights.remove(reading);
    for (lg_group group : {LG_GROUP_BASE, LG_GROUP_IO, LG_GROUP_CODE_MAP}) rights.add(group);
    return rights;
  }

  Rules::Entry build(const std::string& name) const {
    const LibraryRules* exact = written(name);
    const LibraryRules* any = written(strip_version(name));
    const LibraryRules* speaking = exact ? exact : any;
    Rules::Entry entry;
    entry.learned = learned.grants(name);
    entry.granted = speaking && speaking->grant;
    entry.rights = entry.granted ? *speaking->grant : entry.learned;
    add_grants(entry.rights, everywhere(defaults()));
    if (name == kApplicationName) add_grants(entry.rights, everywhere(harmless()));
    for (const LibraryRules* denying : {exact, any})
      if (denying) remove_grants(entry.rights, denying->deny);
    narrow_serving(entry.rights);
    for (lg_group group : kCellGroups) {
      bool said = speaking && speaking->functions.count(group);
      std::set<std::string> names;
      if (said)
        names = speaking->functions.at(group);
      else if (!entry.granted)
        names = learned.functions(name, group);
      if (!names.empty()) entry.functions[group] = std::move(names);
    }
    return entry;
  }

  static RightSet harmless() {
    RightSet rights;
    for (int group = 0; group < LG_GROUP_NET_OUT; group++) rights.add(static_cast<lg_group>(group));
    return rights;
  }

  // A denial in init alone must not leave more in serving.
  static void narrow_serving(Grants& grants) {
    for (Role role : kEveryRole) {
      RightSet beyond = common(rights_in(grants, Phase::kServing, role), dangerous_rights());
      beyond.remove(rights_in(grants, Phase::kInit, role));
      grants[Phase::kServing][role].remove(beyond);
    }
  }

  // Every number that the phase's whitelist does not name, in all its kinds. open and openat share theirs: where one
  // of them is named, the other passes too.
  RightSet outside(Phase phase) const {
    RightSet rights, inside;
    const auto list = policy.calls.find(phase);
    if (list == policy.calls.end()) return rights;
    for (int call = 0; call <= LG_RIGHT_NO_CALL; call++) {
      const bool listed = list->second.count(call) != 0 || lg_always_allowed(static_cast<uint32_t>(call));
      RightSet& side = listed ? inside : rights;
      side.add(Right{static_cast<uint16_t>(call)});
      for (const Right kind : rights_of_call(call)) side.add(kind);
    }
    rights.remove(inside);
    return rights;
  }

  void build_fixed() {
    RightSet basics = default_rights(), reading, all;
    for (int group = 0; group < LG_GROUPS; group++) all.add(static_cast<lg_group>(group));
    reading.add(LG_GROUP_FILE_READ);
    RightSet unknown = basics;
    if (policy.strict_read) unknown.remove(reading);
    rules.unknown_.rights = everywhere(unknown);
    rules.startup_.rights = everywhere(basics);
    rules.runtime_.rights = everywhere(all);  // transparent, except as caller
    for (Phase phase : kEveryPhase) rules.runtime_.rights[phase][Role::kCaller] = basics;
    rules.unlisted_.rights = everywhere(defaults());
    rules.application_ = build(std::string(kApplicationName));
  }

  Rules finish() {
    rules.policy_ = policy;
    for (const Phase phase : kEveryPhase) rules.outside_[static_cast<int>(phase)] = outside(phase);
    build_fixed();
    std::set<std::string> names = learned.names();
    for (const auto& [name, unused] : policy.libraries) names.insert(name);
    for (const std::string& name : names)
      if (is_learnable(name)) rules.entries_.emplace(name, build(name));
    rules.entries_.insert_or_assign(std::string(kApplicationName), rules.application_);
    return std::move(rules);
  }
};

Result<Rules> Rules::compile(const Policy& policy, const Profile* profile) {
  RulesBuilder builder{policy, Learned(profile), {}};
  return builder.finish();
}

Result<Rules> Rules::load(const std::string& policy_path) {
  auto policy = load_policy(policy_path);
  if (!policy) return tl::unexpected(policy.error());
  if (policy->profile_path.empty()) return compile(*policy, nullptr);
  auto profile = load_profile(policy->profile_path);
  if (!profile) return tl::unexpected(profile.error());
  return compile(*policy, &*profile);
}

const Rules::Entry* Rules::entry(std::string_view purl) const {
  if (purl == kUnknownName) return &unknown_;
  if (purl == kRuntimeName) return &runtime_;
  if (purl == kStartupName) return &startup_;
  auto found = entries_.find(purl);
  if (found == entries_.end()) found = entries_.find(strip_version(purl));
  return found == entries_.end() ? nullptr : &found->second;
}

RightSet Rules::rights(std::string_view purl, Phase phase, Role role) const {
  const Entry* known = entry(purl);
  return rights_in((known ? *known : unlisted_).rights, phase, role);
}

bool Rules::holds(std::string_view purl, Phase phase, Role role, Right right) const {
  return rights(purl, phase, role).has(right);
}

bool Rules::knows_function(std::string_view purl, lg_group group, std::string_view dotted) const {
  const Entry* known = entry(purl);
  if (known == nullptr) return false;
  auto names = known->functions.find(group);
  return names != known->functions.end() && names->second.count(std::string(dotted)) != 0;
}

std::vector<std::pair<std::string, std::string>> Rules::functions(lg_group group) const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& [library, known] : entries_) {
    auto names = known.functions.find(group);
    if (names == known.functions.end()) continue;
    for (const std::string& name : names->second) all.emplace_back(library, name);
  }
  return all;
}

bool Rules::is_listed(Phase phase, Right right) const { return !outside_[static_cast<int>(phase)].has(right); }

Action Rules::action(Right right) const {
  auto found = policy_.actions.find(group_of(right));
  return found == policy_.actions.end() ? policy_.default_action : found->second;
}

}  // namespace libguard
