// SPDX-License-Identifier: Apache-2.0
// The options that every door to a guard has: same names for record, run and the detached supervisor.
//
// Way:     what the user types or sets in the environment -> GuardOptions.
// Thread:  main thread.
// Failure: an Error that names flag, variable or file, with a hint.
//
// Precedence: flag > environment (LIBGUARD_*) > /etc/libguard/policy.yaml.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.h"
#include "core/base/result.h"
#include "libguard/guard.h"

namespace libguard {

struct GuardFlags {
  bool record = false;
  std::string policy;       // --policy, LIBGUARD_POLICY
  std::string mode;         // --mode, LIBGUARD_MODE
  std::string profile;      // --output of record, LIBGUARD_PROFILE
  std::string events;       // --events, LIBGUARD_EVENTS
  std::string application;  // --app, LIBGUARD_APP
  std::string backend = "auto";
  std::string feed = "walk";
  std::string phases;  // --phases, LIBGUARD_PHASES: as find_serving_start() reads it; "": as the policy says
  std::vector<std::string> masters;  // --masters
  std::string summary;               // --summary FILE: the summary as JSON
  bool everyday = false;             // --everyday of record
  bool quiet = false;
  bool fail_on_deviation = false;
};

void add_guard_options(CLI::App* verb, GuardFlags& flags);

// Settings of a detached supervisor: the environment alone.
GuardFlags flags_from_environment();

// Reads policy and profile, chooses the application's directory. `command`: what is guarded.
Result<GuardOptions> make_guard_options(const GuardFlags& flags, const std::vector<std::string>& command);

// libguard_preload.so beside this executable: ../lib of an installation or of a build tree.
Result<std::string> find_client();

// "libguard: WHAT" and "hint: HINT" on stderr.
void print_error(const Error& error);

}  // namespace libguard
