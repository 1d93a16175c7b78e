// SPDX-License-Identifier: Apache-2.0
// Finds entries that do nothing and grants that nobody was seen to need.
//
// Way:     see check.h.
// Thread:  pure functions.
// Failure: none.
#include "core/policy/check.h"

#include "bpf/judge.h"
#include "core/base/text.h"
#include "core/library/library.h"
#include "core/library/purl.h"
#include "core/policy/grants.h"
#include "core/policy/learned.h"

namespace libguard {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

// Everything a grant says, whatever the phase and role.
RightSet all_of(const Grants& grants) {
  RightSet all;
  for (const auto& [phase, roles] : grants)
    for (const auto& [role, rights] : roles) all.add(rights);
  return all;
}

std::set<lg_group> groups_of(const RightSet& rights) {
  std::set<lg_group> groups;
  for (Right right : rights.rights()) groups.insert(group_of(right));
  return groups;
}

class Checker {
 public:
  Checker(const Policy& policy, const Profile* profile) : policy_(policy), profile_(profile), learned_(profile) {}

  std::vector<Remark> check() {
    for (const auto& [library, rules] : policy_.libraries) check_entry(library, rules);
    if (policy_.mode == Mode::kEnforce)
      for (const auto& [group, action] : policy_.actions)
        if (action == Action::kLog)
          remark("", "calls of " + std::string(group_name(group)) + " are only logged although the mode is enforce",
                 "deny them, unless this is wanted");
    if (policy_.default_action == Action::kLog && policy_.mode == Mode::kEnforce)
      remark("", "the default action is log although the mode is enforce",
             "use 'mode: detect' if nothing shall be refused");
    if (profile_ != nullptr && !profile_->complete())
      remark("", "the pinned profile is not complete: something was lost while recording",
             "look at its 'completeness' and record again");
    return std::move(remarks_);
  }

 private:
  void remark(const std::string& library, std::string what, std::string hint) {
    remarks_.push_back({library, std::move(what), std::move(hint)});
  }

  void check_entry(const std::string& library, const LibraryRules& rules) {
    if (!rules.grant && grants_empty(rules.deny) && rules.functions.empty())
      remark(library, "the entry says nothing",
             "remove it, or add 'grant: []' if the library shall hold the defaults only");
    if (profile_ != nullptr && !profile_knows(library))
      remark(library, "the pinned profile never saw this library", suggestion(library));
    if (rules.grant) check_grant(library, rules, all_of(*rules.grant));
    check_denial(library, all_of(rules.deny));
    check_cells(library, rules);
  }

  void check_grant(const std::string& library, const LibraryRules& rules, const RightSet& granted) {
    RightSet already = common(granted, policy_.defaults);
    if (!already.empty()) remark(library, "grants what everybody holds: " + joined(names_of(already)), "leave it out");
    RightSet denied = common(granted, common(all_of(rules.deny), granted));
    if (!denied.empty())
      remark(library, "grants and denies " + joined(names_of(denied)), "the denial wins; remove one of them");
    if (profile_ == nullptr || !profile_knows(library)) return;
    RightSet seen = all_of(learned_.grants(library));
    std::set<lg_group> needed = groups_of(seen);
    std::vector<std::string> unneeded;
    for (lg_group group : groups_of(granted))
      if (is_dangerous(group) && !needed.count(group)) unneeded.emplace_back(group_name(group));
    if (!unneeded.empty())
      remark(library, "was never seen to need " + joined(unneeded), "remove it, unless you know better");
  }

  void check_denial(const std::string& library, const RightSet& denied) {
    std::vector<std::string> kept;
    for (Right right : denied.rights())
      if (lg_always_allowed(number(right))) kept.push_back(right_name(right));
    if (!kept.empty()) remark(library, "denies what nobody can deny: " + joined(kept), "leave it out");
  }

  void check_cells(const std::string& library, const LibraryRules& rules) {
    RightSet granted = rules.grant ? all_of(*rules.grant) : all_of(learned_.grants(library));
    for (const auto& [group, names] : rules.functions) {
      RightSet whole;
      whole.add(group);
      if (!names.empty() && common(granted, whole).empty())
        remark(library, "names functions for " + std::string(group_name(group)) + " but holds no right of it",
               "grant the right, or remove the functions");
    }
  }

  bool profile_knows(const std::string& library) const {
    for (const auto& [name, unused] : profile_->libraries)
      if (name == library || strip_version(name) == library) return true;
    return false;
  }

  std::string suggestion(const std::string& library) const {
    std::vector<std::string> known;
    for (const auto& [name, unused] : profile_->libraries) known.push_back(strip_version(name));
    auto near = nearest(library, known);
    return near && *near != library ? "did you mean '" + *near + "'?" : "remove the entry, or record again";
  }

  const Policy& policy_;
  const Profile* profile_;
  Learned learned_;
  std::vector<Remark> remarks_;
};

}  // namespace

std::vector<Remark> remarks_on(const Policy& policy, const Profile* profile) {
  return Checker(policy, profile).check();
}

}  // namespace libguard
