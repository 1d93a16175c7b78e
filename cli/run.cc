// SPDX-License-Identifier: Apache-2.0
// `libguard run` and `libguard record`: a command under a guard; `libguard supervise`: the detached supervisor.
//
// Way:     what the user types -> session.
// Thread:  main thread.
// Failure: see session.h.
#include <memory>

#include "cli/session.h"
#include "cli/verbs.h"

namespace libguard {

void add_run(CLI::App& app, Verbs& verbs, const std::vector<std::string>& command) {
  auto flags = std::make_shared<GuardFlags>();
  CLI::App* verb = app.add_subcommand("run", "Run a command under a policy: libguard run --policy P -- CMD");
  add_guard_options(verb, *flags);
  verbs.push_back({verb, [flags, &command] { return run_command(*flags, command); }});
}

void add_record(CLI::App& app, Verbs& verbs, const std::vector<std::string>& command) {
  auto flags = std::make_shared<GuardFlags>();
  flags->record = true;
  CLI::App* verb = app.add_subcommand("record", "Learn what each library does: libguard record -o PROFILE -- CMD");
  verb->add_option("-o,--output", flags->profile, "The profile to write")->envname("LIBGUARD_PROFILE");
  verb->add_flag("--everyday", flags->everyday, "Record @base and @io too, for exact whitelists; slower");
  add_guard_options(verb, *flags);
  verbs.push_back({verb, [flags, &command] { return run_command(*flags, command); }});
}

void add_supervise(CLI::App& app, Verbs& verbs) {
  auto door = std::make_shared<int>(3);
  CLI::App* verb = app.add_subcommand("supervise", "Serve a process that opened the detached door");
  verb->group("");  // started by libguard_preload.so only
  verb->add_option("--fd", *door, "Descriptor of the door");
  verbs.push_back({verb, [door] { return supervise(*door); }});
}

}  // namespace libguard
