// SPDX-License-Identifier: Apache-2.0
// Runs a command under a policy with one judging rule switched off. Same options as `libguard run`.
//
// Way:     as cli/session.cc, with Ablated between backend and guard.
// Thread:  main thread serves.
// Failure: exit 125 with one line and a hint; else the program's own status.
//
// ablation --off RULE --policy POLICY [options of libguard run] -- CMD
// ablation --rules                     prints the rules, one a line: name, tab, what holds instead
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "ablation/rules.h"
#include "cli/guard_flags.h"
#include "cli/summary.h"
#include "core/backend/notify/abilities.h"
#include "core/backend/notify/notify_backend.h"
#include "core/backend/notify/spawn.h"
#include "core/base/file.h"
#include "core/rights/seccomp_filter.h"

extern char** environ;

namespace libguard {
namespace {

constexpr int kFailed = 125;

int refuse(const Error& error) {
  print_error(error);
  return kFailed;
}

std::vector<std::string> take_command(int* argc, char** argv) {
  std::vector<std::string> command;
  for (int i = 1; i < *argc; i++) {
    if (std::string_view(argv[i]) != "--") continue;
    command.assign(argv + i + 1, argv + *argc);
    *argc = i;
  }
  return command;
}

Status finish(Guard& guard, const NotifyBackend& backend, const GuardFlags& flags) {
  Guard::Summary summary = guard.finish(losses_of(backend.counters()));
  if (flags.summary.empty()) return {};
  return write_file_atomically(flags.summary, summary_json(summary, backend));
}

int run(const GuardFlags& flags, Rule off, const std::vector<std::string>& command) {
  auto client = find_client();
  if (!client) return refuse(client.error());
  auto options = make_guard_options(flags, command);
  if (!options) return refuse(options.error());
  options->client_path = *client;
  auto guard = Guard::create(std::move(*options));
  if (!guard) return refuse(guard.error());
  if (auto able = check_kernel(); !able) return refuse(able.error());
  Ablated ablated(**guard, off);
  bool enforcing = (*guard)->mode() == Mode::kEnforce;
  BackendOptions how;
  how.outcomes = (*guard)->outcomes();
  force_notify(how.outcomes, enforcing);
  auto filter = make_filter({how.outcomes, EPERM});
  if (!filter) return refuse(filter.error());
  how.matrix = (*guard)->matrix();
  how.client_path = *client;
  how.emulate_opens = enforcing && off != Rule::kFiles;
  NotifyBackend backend(std::move(how), ablated);
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; entry++) environment.emplace_back(*entry);
  auto child = spawn_guarded({command, environment, *client, *filter});
  if (!child) return refuse(child.error());
  if (auto started = backend.start_door(child->take_listener(), child->pid()); !started) return refuse(started.error());
  child->go();
  backend.serve();
  if (auto written = finish(**guard, backend, flags); !written) return refuse(written.error());
  int status = backend.child_status();
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int start(int argc, char** argv) {
  std::vector<std::string> command = take_command(&argc, argv);
  CLI::App app("One judging rule switched off");
  GuardFlags flags;
  std::string off = "none";
  bool list = false;
  app.add_option("--off", off, "The rule");
  app.add_flag("--rules", list, "Print the rules");
  add_guard_options(&app, flags);
  CLI11_PARSE(app, argc, argv);
  if (list) {
    for (const RuleName& rule : rule_names())
      std::printf("%.*s\t%.*s\n", static_cast<int>(rule.name.size()), rule.name.data(),
                  static_cast<int>(rule.off.size()), rule.off.data());
    return 0;
  }
  auto rule = find_rule(off);
  if (!rule) return refuse({Code::kInvalid, "unknown rule '" + off + "'", "ablation --rules lists them"});
  if (command.empty()) return refuse({Code::kInvalid, "no command to run", "ablation --off RULE [OPTIONS] -- CMD"});
  return run(flags, *rule, command);
}

}  // namespace
}  // namespace libguard

int main(int argc, char** argv) { return libguard::start(argc, argv); }
