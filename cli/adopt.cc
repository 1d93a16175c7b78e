// SPDX-License-Identifier: Apache-2.0
// `libguard adopt PID`: a new supervisor for a guard whose own died, as far as the kernel holds it.
//
// Way:     pinned maps -> events.
// Thread:  main thread; signals only set a flag.
// Failure: a policy that changed since, or nothing pinned: exit 125. The kernel refuses what it refused in any case.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>

#include "cli/announcement.h"
#include "cli/control.h"
#include "cli/guard_flags.h"
#include "cli/session.h"
#include "cli/verbs.h"
#include "core/backend/bpf/adopted.h"
#include "core/backend/bpf/pins.h"
#include "core/backend/end_processes.h"

namespace libguard {
namespace {

std::atomic<bool> g_stop{false};

int refused(const Error& error) {
  print_error(error);
  return kSessionFailed;
}

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_stop.store(true); };
  for (int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

Result<std::unique_ptr<Guard>> guard_of(const Announced& announced, bool quiet) {
  GuardFlags flags;
  flags.policy = announced.policy_path;
  flags.mode = announced.mode;
  flags.events = announced.events_path;
  flags.application = announced.application;
  auto options = make_guard_options(flags, announced.command);
  if (!options) return tl::unexpected(options.error());
  if (!options->policy || options->policy->digest != announced.policy_digest)
    return fail(Code::kInvalid, "the policy is not the one that the guard began with: " + announced.policy_path,
                "put it back; the kernel goes on with the old one in any case");
  if (!quiet)
    options->on_event = [](const Event& event) { std::fprintf(stderr, "libguard: %s\n", to_text_line(event).c_str()); };
  return Guard::create(std::move(*options));
}

int adopt(const Announced& announced, bool quiet) {
  auto guard = guard_of(announced, quiet);
  if (!guard) return refused(guard.error());
  auto adopted = AdoptedGuard::take_over(announced.supervisor, **guard);
  if (!adopted) return refused(adopted.error());
  Announced own = announced;
  own.supervisor = ::getpid();
  Announcement announcement(own);
  if (auto same = (*guard)->take_over((*adopted)->libraries()); !same)
    return announcement.keep(), refused(same.error());
  stop_on_signals();
  AdoptedGuard& serving = **adopted;
  ControlServer control([](pid_t, uint32_t) {},
                        [] { end_processes([] { return Pins::guarded(Pins::directory_of(::getpid())); }); });
  if (!quiet)
    std::fprintf(stderr,
                 "libguard: supervisor %d of program %d, with %zu processes; what notify judged stays refused\n",
                 own.supervisor, own.program, serving.processes());
  serving.serve(g_stop);
  if (serving.processes() != 0) announcement.keep();  // stopped: it can be taken over again
  const Guard::Summary summary = (*guard)->finish(serving.counters());
  if (!quiet)
    std::fprintf(stderr, "libguard: %llu deviations of %zu kinds\n",
                 static_cast<unsigned long long>(summary.deviations), summary.kinds);
  return 0;
}

int run_adopt(int pid, bool quiet) {
  for (const Announced& announced : read_announcements())
    if (announced.abandoned && belongs_to(announced, pid)) return adopt(announced, quiet);
  return refused({Code::kNotFound, "no guard without a supervisor has process " + std::to_string(pid),
                  "libguard status lists all guards of this user"});
}

}  // namespace

void add_adopt(CLI::App& app, Verbs& verbs) {
  auto pid = std::make_shared<int>(0);
  auto quiet = std::make_shared<bool>(false);
  CLI::App* verb = app.add_subcommand("adopt", "Supervise a guard whose supervisor died: libguard adopt PID");
  verb->add_option("PID", *pid, "A guarded process")->required();
  verb->add_flag("--quiet", *quiet, "Nothing on stderr but errors");
  verbs.push_back({verb, [pid, quiet] { return run_adopt(*pid, *quiet); }});
}

}  // namespace libguard
