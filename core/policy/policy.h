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
std::string_view mode_name(Mode mode);        // "observe", "detect", "enforce"
std::string_view action_name(Action action);  // "log", "deny", "kill"
std::optional<Mode> find_mode(std::string_view name);

// Rights nested under phase and role; a plain list in the file means every phase and role.
using Grants = std::map<Phase, std::map<Role, RightSet>>;

struct LibraryRules {
  std::optional<Grants> grant;  // present: replaces what the profile says
  Grants deny;                  // wins over everything
  // "@exec" -> dotted names; "<program>" for native programs. Present: replaces what the profile says.
  std::map<lg_group, std::set<std::string>> functions;
  std::string because;
  bool operator==(const LibraryRules&) const = default;
};

struct Policy {
  static constexpr int kVersion = 1;
  Mode mode = Mode::kDetect;
  bool strict_read = false;
  std::string profile_file, profile_sha256;       // as written; empty: stands alone
  std::string profile_path;                       // where load_policy() found the profile
  RightSet defaults;                              // default_rights() unless the file says otherwise
  std::map<std::string, LibraryRules> libraries;  // key: purl, version optional; or "application"
  Action default_action = Action::kDeny;
  std::map<lg_group, Action> actions;
  std::vector<std::string> init_masters;  // prefork masters that keep init for their new workers
  std::string serving_starts;             // as find_serving_start() reads it; "": told
  std::vector<std::string> data;          // directories below the application's that hold no code, relative to it
  std::map<Phase, std::set<int>> calls;   // whitelist of the phase, whoever makes the call; absent: every call
  std::string digest;                     // sha256 of the text it was loaded from
  // Comment lines above a key: "" head and version, "mode", "libraries", "libraries/PURL", "$" end. Kept by to_yaml().
  std::map<std::string, std::vector<std::string>> comments;
};

RightSet default_rights();  // @base @io @code-map @file-read

// Everything without digest, path and comments: do both policies say the same?
bool same_meaning(const Policy& a, const Policy& b);

Result<Policy> parse_policy(std::string_view text, std::string_view name);
Result<Policy> load_policy(const std::string& path);  // checks the pinned profile's sha256
std::string to_yaml(const Policy& policy);            // the only layout (fmt), with the comments
std::string to_json(const Policy& policy);            // the same content

struct NewPolicyOptions {
  bool exact = false;                    // by exact right everywhere, not by group
  Mode mode = Mode::kEnforce;            // written into the policy
  std::string profile_name;              // the profile as the policy shall name it; empty: profile_path
  std::map<Phase, std::set<int>> calls;  // whitelists to write into it
};
// Writes every grant of the profile as a policy text, dangerous ones commented with the stack that needed them.
// `profile_path`: where the profile is; its bytes are read for the digest.
Result<std::string> new_policy(const Profile& profile, const std::string& profile_path,
                               const NewPolicyOptions& options);

// The compiled form: answers for any library, known or met later.
class Rules {
 public:
  // Effective rights = (grant if present, else the profile's) + defaults - deny; dangerous: serving within init.
  static Result<Rules> compile(const Policy& policy, const Profile* profile);
  // Reads the policy and the profile that it pins, and compiles both.
  static Result<Rules> load(const std::string& policy_path);

  // Does a library of this name hold the right? An entry with the exact version wins over one without version. The
  // four fixed names are understood: unknown and startup hold the basics, runtime too as caller and everything else
  // otherwise, application all groups that are not dangerous and its grants.
  bool holds(std::string_view purl, Phase phase, Role role, Right right) const;
  RightSet rights(std::string_view purl, Phase phase, Role role) const;
  bool knows_function(std::string_view purl, lg_group group, std::string_view dotted) const;
  std::vector<std::pair<std::string, std::string>> functions(lg_group group) const;  // (purl as written, dotted)
  // Is the call on the whitelist of the phase? Judged before everything else, and nobody is exempt.
  bool is_listed(Phase phase, Right right) const;
  Action action(Right right) const;
  Mode mode() const { return policy_.mode; }
  const Policy& policy() const { return policy_; }

  // The entry of `libraries:` that would allow the event, one line per culprit, to put in the place of the culprit's
  // entry. Empty where no grant can help (unknown, runtime, startup).
  std::string grant_line(const Event& event) const;

  // For people: what the policy or profile says of one library, without defaults.
  struct Entry {
    Grants rights;                                        // effective, defaults included
    Grants learned;                                       // what the profile says
    std::map<lg_group, std::set<std::string>> functions;  // effective
    bool granted = false;                                 // `rights` come from a grant, not from the profile
  };
  const Entry* entry(std::string_view purl) const;  // exact version, else without version, else null
  const std::map<std::string, Entry, std::less<>>& entries() const { return entries_; }

 private:
  friend struct RulesBuilder;
  Policy policy_;
  RightSet outside_[LG_PHASES];  // what the whitelists leave out
  Entry unlisted_, unknown_, runtime_, startup_, application_;
  std::map<std::string, Entry, std::less<>> entries_;  // purl as written, and without version
};

}  // namespace libguard
