// SPDX-License-Identifier: Apache-2.0
// `libguard end PID`: kills every process of a guard. There is no other way out of one: nobody is set free.
//
// Way:     from outside: asks the supervisor, or, if that died, does it by what is pinned.
// Thread:  main thread.
// Failure: no such guard, or processes that would not end: exit 2.
#include <unistd.h>

#include <memory>

#include "cli/announcement.h"
#include "cli/control.h"
#include "cli/guard_flags.h"
#include "cli/verbs.h"
#include "core/backend/bpf/pins.h"
#include "core/backend/end_processes.h"

namespace libguard {
namespace {

constexpr int kAttempts = 100, kWaitMicroseconds = 50'000;

// Nobody serves it: what is pinned says who is left.
Status end_abandoned(int supervisor) {
  const std::string directory = Pins::directory_of(supervisor);
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    end_processes([&] { return Pins::guarded(directory); });
    ::usleep(kWaitMicroseconds);
    if (Pins::release(directory)) return {};
  }
  return fail(Code::kDenied, "processes of the guard are still there", "libguard status names their first one");
}

int run_end(int pid) {
  for (const Announced& guard : read_announcements()) {
    if (!belongs_to(guard, pid)) continue;
    const Status ended = guard.abandoned ? end_abandoned(guard.supervisor) : ask_end(guard.supervisor);
    if (ended) return 0;
    print_error(ended.error());
    return 2;
  }
  print_error({Code::kNotFound, "no guard with process " + std::to_string(pid),
               "libguard status lists all guards of this user"});
  return 2;
}

}  // namespace

void add_end(CLI::App& app, Verbs& verbs) {
  auto pid = std::make_shared<int>(0);
  CLI::App* verb = app.add_subcommand("end", "Kill every process of a guard: libguard end PID");
  verb->add_option("PID", *pid, "A guarded process, or its supervisor")->required();
  verbs.push_back({verb, [pid] { return run_end(*pid); }});
}

}  // namespace libguard
