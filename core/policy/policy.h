// SPDX-License-Identifier: Apache-2.0
// Policy: what may happen, and what is done otherwise. Human-owned, one page.
//
// Way:     profile -> *policy* -> matrix -> verdict -> action.
// Thread:  plain value; Rules is immutable after compile().
// Failure: load() names file, line and key, with "did you mean". Schema: docs/formats/policy.schema.json.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/event/event.h"
#include "core/profile/profile.h"
#include "core/rights/rights.h"

namespace libguard {

enum class Mode : uint8_t { kObserve, kDetect, kEnforce };
enum class Action : uint8_t { kLog, kDeny, kKill };

// Rights nested under phase and role; a plain list in the file means every phase and role.
using Grants = std::map<Phase, std::map<Role, RightSet>>;

struct LibraryRules {
  std::optional<Grants> grant;  // present: replaces what the profile says
  Grants deny;                  // wins over everything
  std::map<lg_group, std::set<std::string>> functions;  // "@exec" -> dotted names; "<program>" for native programs
  std::string because;
};

struct Policy {
  static constexpr int kVersion = 1;
  Mode mode = Mode::kDetect;
  bool strict_read = false;
  std::string profile_file, profile_sha256;  // empty: stands alone
  RightSet defaults;                         // @base @io @code-map @file-read
  std::map<std::string, LibraryRules> libraries;  // key: purl, version optional; or "application"
  Action default_action = Action::kDeny;
  std::map<lg_group, Action> actions;
  std::vector<std::string> init_masters;     // prefork masters that keep init for their new workers
  std::string serving_starts;                // "ready", "quiescence", "function:NAME", …
  std::string digest;                        // sha256 of the text it was loaded from
};

Result<Policy> parse_policy(std::string_view text, std::string_view name);
Result<Policy> load_policy(const std::string& path);  // checks the pinned profile's sha256
std::string to_yaml(const Policy& policy);            // the only layout (fmt)

struct NewPolicyOptions { bool exact = false; };
// Writes every grant of the profile as a policy text, dangerous ones commented with the stack that needed them.
Result<std::string> new_policy(const Profile& profile, const std::string& profile_path, const NewPolicyOptions& options);
// Adds the grants that the deviations ask for.
Result<std::string> accept_events(const Policy& policy, const std::vector<Event>& events);

// The compiled form: answers for any library, known or met later.
class Rules {
 public:
  // Effective rights = (grant if present, else the profile's) + defaults - deny; dangerous: serving within init.
  static Result<Rules> compile(const Policy& policy, const Profile* profile);
  // Does a library of this name hold the right? The four fixed names are understood (design: unknown, application,
  // runtime, startup have fixed rights).
  bool holds(std::string_view purl, Phase phase, Role role, Right right) const;
  RightSet rights(std::string_view purl, Phase phase, Role role) const;
  bool knows_function(std::string_view purl, lg_group group, std::string_view dotted) const;
  std::vector<std::pair<std::string, std::string>> functions(lg_group group) const;  // (purl without version, dotted)
  Action action(Right right) const;
  Mode mode() const;

 private:
  friend struct RulesBuilder;
  Policy policy_;
  std::map<std::string, std::map<Phase, std::map<Role, RightSet>>> effective_;  // purl as written
};

}  // namespace libguard
