// SPDX-License-Identifier: Apache-2.0
// Joins the rights of everybody and turns them into numbers.
//
// Way:     see whitelist.h.
// Thread:  see whitelist.h.
// Failure: see whitelist.h.
#include "core/emit/whitelist.h"

#include <algorithm>

#include "core/policy/grants.h"
#include "core/rights/call_age.h"

namespace libguard {
namespace {

// Everybody holds them, so recordings need not look at them.
constexpr lg_group kEverybodys[] = {LG_GROUP_BASE, LG_GROUP_IO, LG_GROUP_CODE_MAP};

RightSet seen_in(const Profile& profile, Phase phase) {
  RightSet seen;
  for (const Observation& observation : profile.observations)
    if (phase == Phase::kInit || observation.phase == phase) seen.add(observation.right);
  return seen;
}

bool came_to(const Profile& profile, Phase phase) {
  return std::any_of(profile.observations.begin(), profile.observations.end(),
                     [phase](const Observation& seen) { return seen.phase == phase; });
}

RightSet harmless_part(const RightSet& rights, bool harmless) {
  RightSet part;
  for (const Right right : rights.rights())
    if (is_dangerous(group_of(right)) != harmless) part.add(right);
  return part;
}

// Numbers of which at least one kind is held; those that nobody may be refused are always among them.
std::set<int> numbers_of(const RightSet& rights) {
  std::set<int> numbers;
  for (int number = 0; number < LG_NUMBERS; number++) {
    if (!syscall_name(number)) continue;
    const std::vector<Right> kinds = rights_of_call(number);
    const bool held = std::any_of(kinds.begin(), kinds.end(), [&](Right kind) { return rights.has(kind); });
    if (held || lg_always_allowed(static_cast<uint32_t>(number))) numbers.insert(number);
  }
  return numbers;
}

template <class ActionOf>
Whitelist finish(const RightSet& rights, const WhitelistOptions& options, const Profile* profile, ActionOf action_of) {
  Whitelist list;
  list.phase = options.phase;
  list.origin = options.origin;
  list.calls = numbers_of(rights);
  const auto made_on = parse_release(profile == nullptr ? "" : profile->target.kernel);
  for (int number = 0; number < LG_NUMBERS; number++) {
    const auto release = release_of_call(number);
    if (!release || list.calls.count(number) != 0) continue;
    if (has_substitute(number) || (made_on && *release > *made_on)) {
      list.unheard.insert(number);
      continue;
    }
    Action strictest = Action::kLog;
    for (const Right kind : rights_of_call(number)) strictest = std::max(strictest, action_of(kind));
    list.refused[number] = strictest;
  }
  return list;
}

Status check_phase(const Profile& profile, const WhitelistOptions& options) {
  if (came_to(profile, options.phase) || (options.phase == Phase::kInit && came_to(profile, Phase::kServing)))
    return {};
  if (options.phase == Phase::kServing)
    return fail(Code::kInvalid, options.origin + ": nothing was seen in the phase serving",
                "record with --phases auto, until the program serves");
  return fail(Code::kInvalid, options.origin + ": nothing was seen", "record the program at work");
}

}  // namespace

Result<Whitelist> make_whitelist(const Profile& profile, const WhitelistOptions& options) {
  if (auto there = check_phase(profile, options); !there) return tl::unexpected(there.error());
  RightSet rights = seen_in(profile, options.phase), everybodys;
  for (const lg_group group : kEverybodys) everybodys.add(group);
  if (options.reachable != nullptr)
    rights.add(common(everybodys, seen_in(*options.reachable, options.phase)));
  else if (!profile.target.everyday)
    rights.add(everybodys);
  rights.add(Right{LG_NR_set_robust_list});  // of each new thread; a guard answers it by itself, before it records
  const auto missed = profile.completeness.find(std::string(kSendmsgMissed));
  if (missed != profile.completeness.end() && missed->second != 0) rights.add(Right{LG_NR_sendmsg});
  return finish(rights, options, &profile, [&](Right) { return options.action; });
}

Result<Whitelist> make_whitelist(const Rules& rules, const Profile* profile, const WhitelistOptions& options) {
  RightSet rights = default_rights();  // of the runtime as caller, and of code that nobody knows
  for (const auto& [purl, entry] : rules.entries()) {
    const bool named =
        rules.policy().libraries.count(purl) != 0 || (profile != nullptr && profile->libraries.count(purl) != 0);
    if (!named) continue;  // the application, where there is none
    for (const Role role : kEveryRole) {
      rights.add(rules.rights(purl, options.phase, role));
      if (options.phase == Phase::kInit) rights.add(rules.rights(purl, Phase::kServing, role));
    }
  }
  if (options.reachable != nullptr) {
    RightSet kept = common(harmless_part(rights, true), seen_in(*options.reachable, options.phase));
    kept.add(harmless_part(rights, false));
    rights = kept;
  }
  return finish(rights, options, profile, [&](Right kind) { return rules.action(kind); });
}

}  // namespace libguard
