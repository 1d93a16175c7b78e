// SPDX-License-Identifier: Apache-2.0
// Turns culprits into grants: the right or its group, in the role and phase in which it was missing.
//
// Way:     events -> *policy*.
// Thread:  pure functions.
// Failure: see accept.h.
#include "core/policy/accept.h"

#include "core/library/library.h"
#include "core/library/purl.h"
#include "core/policy/grants.h"
#include "core/policy/judge.h"
#include "core/policy/write.h"

namespace libguard {
namespace {

std::optional<Role> find_role(std::string_view name) {
  for (Role role : kEveryRole)
    if (role_name(role) == name) return role;
  return std::nullopt;
}

// Does the policy tell init from serving anywhere? If not, a grant for one of them would only surprise.
bool knows_phases(const Policy& policy) {
  if (!policy.serving_starts.empty()) return true;
  for (const auto& [library, rules] : policy.libraries) {
    if (!rules.grant) continue;
    for (Role role : kEveryRole)
      if (rights_in(*rules.grant, Phase::kInit, role) != rights_in(*rules.grant, Phase::kServing, role)) return true;
  }
  return false;
}

class Accepter {
 public:
  explicit Accepter(const Rules& rules)
      : rules_(rules), done_{rules.policy(), {}, {}}, phases_(knows_phases(done_.policy)) {}

  void accept(const Event& event) {
    for (const Culprit& culprit : event.culprits) {
      std::string reason = add(event, culprit);
      if (!reason.empty() && said_.insert(event.id + culprit.purl).second)
        done_.refusals.push_back({event.id, culprit.purl, reason});
    }
  }

  Acceptance finish() { return std::move(done_); }

 private:
  // Why it cannot be granted; empty: it was.
  std::string add(const Event& event, const Culprit& culprit) {
    if (culprit.role == "process") return add_call(event);
    if (culprit.role == kTamperRole) return "it would get around the guard, which no grant allows";
    if (culprit.purl == kUnknownName) return "code of unknown origin can never be granted anything";
    if (culprit.purl == kRuntimeName) return "nobody had called: the runtime made the call for code without a frame";
    if (culprit.purl == kStartupName) return "before its first code runs, a program holds the basics only";
    auto right = find_right(event.right_name);
    if (!right) return "the right '" + event.right_name + "' is not known";
    if (culprit.purl != kApplicationName && !parse_purl(culprit.purl)) return "its name is no package URL";
    std::string name = done_.policy.libraries.count(culprit.purl) ? culprit.purl : strip_version(culprit.purl);
    if (culprit.role == "function") return add_function(event, culprit, name, group_of(*right));
    auto role = find_role(culprit.role);
    if (!role) return "its role is not known";
    return add_right(event, name, *role, *right);
  }

  // Onto the whitelist of its phase, and of init: a process only ever loses calls.
  std::string add_call(const Event& event) {
    const auto right = find_right(event.right_name);
    if (!right) return "the right '" + event.right_name + "' is not known";
    for (const Phase phase : kEveryPhase) {
      const auto list = done_.policy.calls.find(phase);
      if (list == done_.policy.calls.end() || (phase == Phase::kServing && event.phase != "serving")) continue;
      for (int call = 0; call < LG_RIGHT_NO_CALL; call++)
        for (const Right kind : rights_of_call(call))
          if (kind == *right && list->second.insert(call).second)
            done_.changes.push_back({event.id, "phases." + std::string(phase_name(phase)) + ".calls", "process",
                                     right_name(Right{static_cast<uint16_t>(call)}), is_dangerous(group_of(*right))});
    }
    return "";
  }

  LibraryRules& open(const std::string& name) {
    LibraryRules& rules = done_.policy.libraries[name];
    if (rules.grant) return rules;
    // A grant replaces what the profile says, so it starts with that; the defaults are held anyhow.
    const Rules::Entry* known = rules_.entry(name);
    rules.grant = known ? known->learned : Grants{};
    remove_grants(*rules.grant, everywhere(done_.policy.defaults));
    if (known)
      for (const auto& [group, names] : known->functions) rules.functions.emplace(group, names);
    return rules;
  }

  std::string add_function(const Event& event, const Culprit& culprit, const std::string& name, lg_group group) {
    std::string function = function_of(event, culprit.purl);
    if (function.empty()) return "the function has no name: it was made at run time";
    LibraryRules& rules = done_.policy.libraries[name];
    const Rules::Entry* known = rules_.entry(name);
    if (!rules.functions.count(group) && known && known->functions.count(group))
      rules.functions[group] = known->functions.at(group);
    if (rules.functions[group].insert(function).second)
      done_.changes.push_back({event.id, name, culprit.role, function, true});
    return "";
  }

  bool is_denied(const std::string& name, Phase phase, Role role, Right right) const {
    for (const std::string& written : {name, strip_version(name)}) {
      auto found = done_.policy.libraries.find(written);
      if (found != done_.policy.libraries.end() && rights_in(found->second.deny, phase, role).has(right)) return true;
    }
    return false;
  }

  std::string add_right(const Event& event, const std::string& name, Role role, Right right) {
    Phase phase = event.phase == "serving" ? Phase::kServing : Phase::kInit;
    if (is_denied(name, phase, role, right)) return "the policy denies it by name, and a denial wins";
    bool dangerous = is_dangerous(group_of(right));
    RightSet wide = widened(right, false);
    LibraryRules& rules = open(name);
    Grants before = *rules.grant;
    for (Phase each : kEveryPhase) {
      if (dangerous && phases_ && phase == Phase::kInit && each == Phase::kServing) continue;
      for (Role part : kEveryRole) {
        bool wanted = part == role || !dangerous || (role == Role::kCaller && part == Role::kStack);
        if (wanted) (*rules.grant)[each][part].add(wide);
      }
    }
    if (*rules.grant != before)
      done_.changes.push_back({event.id, name, std::string(role_name(role)), names_of(wide)[0], dangerous});
    return "";
  }

  const Rules& rules_;
  Acceptance done_;
  bool phases_;
  std::set<std::string> said_;  // refusals are listed once
};

}  // namespace

Acceptance accept_events(const Rules& rules, const std::vector<Event>& events) {
  Accepter accepter(rules);
  // Not once per id: events of one id may differ in phase and culprits.
  for (const Event& event : events)
    if (event.kind == "deviation") accepter.accept(event);
  return accepter.finish();
}

std::string Rules::grant_line(const Event& event) const {
  for (const Culprit& culprit : event.culprits)
    if (culprit.role == "process" || culprit.role == kTamperRole) return "";  // no library's entry can help
  Acceptance accepted = accept_events(*this, {event});
  if (!accepted.refusals.empty()) return "";
  std::string lines;
  std::set<std::string> written;
  for (const Acceptance::Change& change : accepted.changes) {
    if (!written.insert(change.library).second) continue;
    lines += (lines.empty() ? "" : "\n") + entry_line(change.library, accepted.policy.libraries[change.library]);
  }
  return lines;
}

}  // namespace libguard
