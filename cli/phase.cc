// SPDX-License-Identifier: Apache-2.0
// `libguard phase PID serving`: tells a guard from outside that a process has begun to serve.
//
// Way:     from outside -> phase.
// Thread:  main thread.
// Failure: exit 2 if no guard has that process, or the word is not `serving`.
#include <cstdio>
#include <memory>

#include "cli/announcement.h"
#include "cli/control.h"
#include "cli/guard_flags.h"
#include "cli/verbs.h"
#include "core/base/text.h"

namespace libguard {
namespace {

struct PhaseFlags {
  int pid = 0;
  std::string phase;
};

int run_phase(const PhaseFlags& flags) {
  if (flags.phase != "serving") {
    print_error({Code::kInvalid, "a process cannot be put into phase '" + flags.phase + "'",
                 flags.phase == "init" ? "phases never go back" : did_you_mean(flags.phase, {"serving"})});
    return 2;
  }
  for (const Announced& guard : read_announcements()) {
    if (!belongs_to(guard, flags.pid)) continue;
    if (auto done = ask_phase(guard.supervisor, flags.pid); !done) {
      print_error(done.error());
      return 2;
    }
    return 0;
  }
  print_error({Code::kNotFound, "no guard with process " + std::to_string(flags.pid),
               "libguard status lists all guards of this user"});
  return 2;
}

}  // namespace

void add_phase(CLI::App& app, Verbs& verbs) {
  auto flags = std::make_shared<PhaseFlags>();
  CLI::App* verb = app.add_subcommand("phase", "Say that a process has begun to serve: libguard phase PID serving");
  verb->add_option("PID", flags->pid, "A guarded process")->required();
  verb->add_option("PHASE", flags->phase, "serving")->required();
  verbs.push_back({verb, [flags] { return run_phase(*flags); }});
}

}  // namespace libguard
