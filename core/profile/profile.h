// SPDX-License-Identifier: Apache-2.0
// Profile: what was seen. Machine-written, mergeable, never edited by hand.
//
// Way:     recording -> *profile* -> policy.
// Thread:  plain value.
// Failure: load() names file, place and what is wrong; a broken file changes nothing. Schema:
// docs/formats/profile.schema.json.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/rights/rights.h"

namespace libguard {

enum class Phase : uint8_t { kInit = LG_INIT, kServing = LG_SERVING };
enum class Role : uint8_t { kStack = LG_ROLE_STACK, kCaller = LG_ROLE_CALLER, kSpawned = LG_ROLE_SPAWNED };
inline constexpr Phase kEveryPhase[] = {Phase::kInit, Phase::kServing};
inline constexpr Role kEveryRole[] = {Role::kStack, Role::kCaller, Role::kSpawned};
std::string_view phase_name(Phase phase);  // "init", "serving"
std::string_view role_name(Role role);     // "stack", "caller", "spawned"

// The function cell of a native program, whose calls have no frames.
inline constexpr std::string_view kProgramFunction = "<program>";

// In `completeness` of older profiles: everyday calls were recorded, but sendmsg could not be.
inline constexpr std::string_view kSendmsgMissed = "sendmsg_not_watched";

// One thing that was seen, with a sample of its stack. Libraries are purls or fixed names.
struct Observation {
  std::string caller;           // who is judged as caller
  std::string direct;           // library of the innermost frame, then " " and its function: "pkg:pypi/x@1 x.ship.run"
  std::string direct_function;  // dotted name of the innermost frame that is not runtime, where its cell is asked for;
                                // "<program>" for native programs
  std::vector<std::string> libraries;  // active, inherited and native (dangerous rights), sorted
  std::vector<std::string> spawners;   // sorted
  std::string program;                 // executable
  Phase phase = Phase::kInit;
  Right right{};
  uint64_t count = 0;
  std::vector<std::string> stack;  // "purl|module.qualname", innermost first; a sample
  std::string direct_library() const { return direct.substr(0, direct.find(' ')); }
  bool operator==(const Observation&) const = default;
};

struct Profile {
  static constexpr int kVersion = 1;
  struct Target {
    std::vector<std::string> command;
    std::string arch = "x86_64", kernel;
    std::vector<std::string> runtimes;  // "cpython 3.11.2"
    std::vector<std::string> masters;   // prefork masters that stayed in init
    std::vector<std::string> data;      // directories below the application's that were written to and held no code
    std::string serving_starts;         // what made processes serving in the recording; "": they were told
    bool everyday = false;              // @base and @io were looked at too
    bool operator==(const Target&) const = default;
  } target;
  // purl -> phase -> role -> right names; derived from observations, checked on load.
  using Rights = std::map<Phase, std::map<Role, RightSet>>;
  std::map<std::string, Rights> libraries;
  std::map<std::string, std::map<Phase, RightSet>> processes;  // executable -> union
  std::map<std::string, std::set<std::string>> code;           // executable -> files whose code it had mapped
  // Of a program that served: from where static analysis of its serving phase starts.
  using CodeAddress = std::pair<std::string, uint64_t>;  // file, address in its own terms
  using CodeAddresses = std::map<std::string, std::set<uint64_t>>;
  struct Serving {
    std::set<std::vector<CodeAddress>> stacks;  // of its threads when it began to serve, innermost frame first
    CodeAddresses functions;                    // that ran since, and handlers of signals
    CodeAddresses pointers, data;               // what its memory pointed to when it began to serve
    bool operator==(const Serving&) const = default;
  };
  std::map<std::string, Serving> serving;        // by executable
  std::map<std::string, uint64_t> completeness;  // losses per cause; empty or all 0: complete
  struct Run {
    std::string started;  // RFC 3339, UTC
    double seconds = 0;
    uint64_t calls = 0;
    std::string tool;
    auto operator<=>(const Run&) const = default;
  };
  std::vector<Run> runs;
  std::vector<Observation> observations;

  void derive();          // sorts the observations, fills libraries and processes from them
  bool complete() const;  // nothing was lost
  bool operator==(const Profile&) const = default;
};

// Caller and libraries hold the right as said; unknown, runtime and startup are never learned and have no entry.
bool is_learnable(std::string_view library);

// Whose function that is: the library of the innermost frame, or where that is the runtime's, the caller.
std::string cell_library(const Observation& seen);
// (library, dotted name) of every such function seen for the group; native programs as kProgramFunction.
std::set<std::pair<std::string, std::string>> functions_seen(const Profile& profile, lg_group group);

Result<Profile> parse_profile(std::string_view text, std::string_view name);
Result<Profile> load_profile(const std::string& path);
std::string to_json(const Profile& profile);                           // sorted, diff-friendly
Status save_profile(const Profile& profile, const std::string& path);  // atomic: written beside, synced, renamed
Profile merge(const Profile& a, const Profile& b);                     // union; count = max per observation
bool is_superset(const Profile& a, const Profile& b);                  // every right of every library of b is in a

}  // namespace libguard
