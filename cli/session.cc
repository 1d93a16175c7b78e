// SPDX-License-Identifier: Apache-2.0
// Makes guard and backend, serves until the last guarded task has ended, says what happened.
//
// Way:     see session.h.
// Thread:  see session.h.
// Failure: see session.h.
#include "cli/session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "cli/announcement.h"
#include "cli/companions.h"
#include "cli/control.h"
#include "cli/privileges.h"
#include "cli/progress.h"
#include "cli/summary.h"
#include "core/backend/notify/abilities.h"
#include "core/backend/notify/detached.h"
#include "core/backend/notify/notify_backend.h"
#include "core/backend/notify/proc.h"
#include "core/backend/notify/spawn.h"
#include "core/backend/notify/traits.h"
#include "core/base/file.h"
#include "core/base/text.h"
#include "core/live/function_place.h"
#include "core/phase/ready_socket.h"
#include "core/phase/serving_watch.h"
#include "core/rights/seccomp_filter.h"
#include "libguard/door.h"

extern char** environ;

namespace libguard {
namespace {

struct Session {
  GuardFlags flags;
  std::vector<std::string> command;
  std::string client;
  std::unique_ptr<Guard> guard;
  std::unique_ptr<Companion> companion;     // outlives the backend
  std::unique_ptr<FunctionPlace> function;  // with which processes begin to serve; outlives the backend
  std::unique_ptr<NotifyBackend> backend;
  std::vector<sock_filter> filter;
  std::unique_ptr<Announcement> announcement;
  std::unique_ptr<ServingWatch> watch;     // ends before the backend that it speaks to
  std::unique_ptr<ReadySocket> ready;      // ends before the watch that it speaks to
  std::unique_ptr<ControlServer> control;  // ends before the backend that it speaks to
  Announced announced;
  int talk = -1;  // standard error of a program that opened the detached door
};

void print_event(const Event& event) { std::fprintf(stderr, "libguard: %s\n", to_text_line(event).c_str()); }

void print_notice(const std::string& text) { std::fprintf(stderr, "libguard: %s\n", text.c_str()); }

// A detached supervisor has no terminal. Its one line goes to where the program's messages went when it started, if
// that takes it at once.
void say_once(Session& session, const std::string& text) {
  pollfd there{session.talk, POLLOUT, 0};
  if (session.talk < 0) return;
  if (!text.empty() && ::poll(&there, 1, 0) == 1 && there.revents == POLLOUT)
    ::dprintf(session.talk, "libguard: %s\n", text.c_str());
  ::close(std::exchange(session.talk, -1));
}

// A recording whose profile cannot be written is lost: found out before the program starts.
Status check_output(const GuardFlags& flags) {
  if (!flags.record) return {};
  if (flags.profile.empty())
    return fail(Code::kInvalid, "no place for the profile", "name it: libguard record -o app.profile.json -- CMD");
  struct stat there;
  const bool is_there = ::stat(flags.profile.c_str(), &there) == 0;
  const bool is_directory = flags.profile.back() == '/' || (is_there && S_ISDIR(there.st_mode));
  if (is_there && !is_directory && !S_ISREG(there.st_mode) && ::access(flags.profile.c_str(), W_OK) == 0) return {};
  // Made and removed: access() says yes where no file can be made, /proc for one.
  std::string probe = flags.profile + ".XXXXXX";
  int file = is_directory ? -1 : ::mkostemp(probe.data(), O_CLOEXEC);
  int error = is_directory ? EISDIR : errno;
  if (file >= 0) {
    ::close(file);
    ::unlink(probe.c_str());
    return {};
  }
  return fail(Code::kDenied, "cannot write the profile to " + flags.profile + ": " + std::strerror(error),
              "name a file in a directory that you may write to");
}

// Before the program starts; no threads yet.
Status make_switches(Session& session, GuardOptions& options, bool detached) {
  const ServingStart start = find_serving_start(options.serving_starts).value_or(ServingStart{});
  if (start.kind == ServingStart::kFunction) {
    auto place = FunctionPlace::parse(start.function);
    if (!place) return tl::unexpected(place.error());
    session.function = std::make_unique<FunctionPlace>(std::move(*place));
  }
  if (start.kind == ServingStart::kTold || start.kind == ServingStart::kFunction) return {};
  if (start.kind == ServingStart::kReady && detached)
    return fail(Code::kUnsupported,
                "phases: READY=1 is heard by 'libguard run' only, not in a process that runs already",
                "use libguard run, or 'auto', 'quiescence' or 'listen:SECONDS'");
  auto serves = [&session](pid_t pid) { session.backend->request_phase(pid, LG_SERVING); };
  session.watch = std::make_unique<ServingWatch>(start, options.masters, serves);
  options.on_birth = [watch = session.watch.get()](pid_t pid, bool forked) { watch->met(pid, forked); };
  options.on_wait = [watch = session.watch.get()](pid_t pid) { return watch->waits(pid); };
  options.on_listen = [watch = session.watch.get()](pid_t pid) { watch->listening(pid); };
  const bool hears = start.kind == ServingStart::kReady || start.kind == ServingStart::kAuto;
  if (!hears || detached) return {};
  const char* manager = std::getenv("NOTIFY_SOCKET");
  auto ready = ReadySocket::make(manager == nullptr ? "" : manager, [watch = session.watch.get()] { watch->ready(); });
  if (!ready) return tl::unexpected(ready.error());
  session.ready = std::move(*ready);
  return {};
}

Status start_switches(Session& session) {
  if (session.watch)
    if (auto watching = session.watch->start(); !watching) return watching;
  return session.ready ? session.ready->start() : Status();
}

// A policy must not promise what no mechanism keeps.
Status check_abilities(const Guard& guard) {
  for (const Ability& ability : notify_abilities()) {
    auto library = ability.deny ? std::nullopt : guard.denied_to(ability.right);
    if (library)
      return fail(Code::kUnsupported,
                  "nobody can deny " + right_name(ability.right) + ", which the policy denies to " + *library,
                  "leave it out of 'deny' (it is " + ability.how + ")");
  }
  return {};
}

// No guard is without the filter, whoever else refuses: what the policy denies, nobody would.
Error nobody_denies(Error why, const Guard& guard) {
  for (Right right : all_rights()) {
    auto library = guard.denied_to(right);
    if (!library) continue;
    why.what += "; nobody can deny " + right_name(right) + ", which the policy denies to " + *library;
    break;
  }
  return why;
}

Result<std::unique_ptr<Session>> make_session(const GuardFlags& flags, const std::vector<std::string>& command,
                                              std::optional<int> talk) {
  const bool detached = talk.has_value();
  auto session = std::make_unique<Session>();
  session->talk = talk.value_or(-1);
  session->flags = flags;
  session->command = command;
  if (auto output = check_output(flags); !output) return tl::unexpected(output.error());
  std::optional<Result<Canary>> canary;  // comes to its call while the policy is read, which says the mode
  if (!flags.record && (flags.mode.empty() || flags.mode == mode_name(Mode::kEnforce))) canary.emplace(Canary::start());
  auto client = find_client();
  if (!client) return tl::unexpected(client.error());
  session->client = *client;
  auto options = make_guard_options(flags, command);
  if (!options) return tl::unexpected(options.error());
  options->client_path = session->client;
  Announced& announced = session->announced;
  std::error_code ignored;
  if (options->policy) {
    announced.policy_path = flags.policy.empty() ? "" : std::filesystem::absolute(flags.policy, ignored).string();
    announced.policy_digest = options->policy->digest;
  }
  announced.application = options->application_dir;
  announced.events_path = options->events_path;
  if (auto switches = make_switches(*session, *options, detached); !switches) return tl::unexpected(switches.error());
  if (!flags.quiet) options->on_event = print_event;
  if (!flags.quiet) options->on_notice = print_notice;
  if (detached) options->on_notice = [session = session.get()](const std::string& text) { say_once(*session, text); };
  if (!session->watch && !session->function) say_once(*session, "");
  auto guard = Guard::create(std::move(*options));
  if (!guard) return tl::unexpected(guard.error());
  session->guard = std::move(*guard);
  announced.mode = mode_name(session->guard->mode());
  announced.recording = flags.record;
  if (auto able = check_kernel(); !able) return tl::unexpected(able.error());
  if (session->guard->mode() == Mode::kEnforce) {
    if (auto keepable = check_abilities(*session->guard); !keepable) return tl::unexpected(keepable.error());
    if (!canary) canary.emplace(Canary::start());
    Status proved = *canary ? (*canary)->finish() : Status(tl::unexpected(canary->error()));
    if (!proved) return tl::unexpected(nobody_denies(proved.error(), *session->guard));
  }
  return session;
}

void tell_protections(Session& session) {
  session.announced.protections.clear();
  for (const Protection& protection : session.backend->shield().protections())
    session.announced.protections.emplace_back(protection.path, protection_text(protection.by_landlock));
  if (session.announcement) session.announcement->update(session.announced);
}

Status make_backend(Session& session, bool detached) {
  bool enforcing = session.guard->mode() == Mode::kEnforce;
  BackendOptions options;
  options.outcomes = session.guard->outcomes();
  auto companion = make_companion(session.flags, session.command, *session.guard, options.outcomes);
  if (!companion) return tl::unexpected(companion.error());
  session.companion = std::move(*companion);
  options.companion = session.companion.get();
  force_notify(options.outcomes, session.guard->looks_at_writes());
  options.tell_writes = !enforcing;
  // Of a process that made itself undumpable nobody sees the sockets.
  if (session.watch) options.outcomes[LG_NR_listen] = Outcome::kNotify;
  for (int nr = 0; session.watch && session.guard->recording() && nr < LG_NUMBERS; nr++)
    if (waits_for_clients(nr)) options.outcomes[static_cast<size_t>(nr)] = Outcome::kNotify;
  if (FunctionPlace* place = session.function.get()) {
    options.find_function = [place](pid_t pid) { return place->find(pid); };
    // Libraries that are loaded later are looked at when they are mapped, and before their first code runs.
    for (Right right : {Right{LG_RIGHT_MMAP_EXEC_FILE}, Right{LG_NR_mprotect}})
      options.outcomes[number(right)] = Outcome::kNotify;
  }
  // What the kernel recorded is named from the process' memory.
  const bool ends = session.companion && session.guard->recording();
  auto filter = make_filter({options.outcomes, EPERM, ends});
  if (!filter) return tl::unexpected(filter.error());
  session.filter = std::move(*filter);
  options.matrix = session.guard->matrix();
  options.killed = session.guard->killed_while_serving();
  options.observe_everything = session.guard->recording();
  options.client_path = session.client;
  options.emulate_opens = enforcing;
  // Under Landlock nobody mounts, and nobody looks into processes outside of the guard: not where that is granted.
  options.landlock = enforcing && !session.guard->grants(LG_GROUP_MOUNT) && !session.guard->grants(LG_GROUP_INSPECT);
  if (detached || command_names_runtime(session.command.front())) options.first_shield = FirstShield::kNone;
  options.on_protections = [&session] { tell_protections(session); };
  session.backend = std::make_unique<NotifyBackend>(std::move(options), *session.guard);
  return {};
}

void announce(Session& session, pid_t program) {
  Announced& announced = session.announced;
  announced.supervisor = ::getpid();
  announced.program = program;
  announced.backend = session.companion ? "bpf" : "notify";
  if (session.companion)
    for (Right right : session.companion->rights().rights()) announced.in_kernel.push_back(right_name(right));
  announced.command = session.command;
  announced.started = utc_timestamp(unix_milliseconds_now());
  tell_protections(session);
  session.announcement = std::make_unique<Announcement>(announced);
  NotifyBackend& backend = *session.backend;
  session.control =
      std::make_unique<ControlServer>([&backend](pid_t pid, uint32_t phase) { backend.request_phase(pid, phase); },
                                      [&backend] { backend.request_end(); });
}

// Final counts, profile, summary. `ran`: of a command that never ran nothing was learned, and an earlier profile stays.
// False: the profile could not be written.
bool conclude(Session& session, bool ran) {
  Guard::Summary summary = session.guard->finish(losses_of(session.backend->counters()));
  bool saved = true;
  if (!ran) summary.profile.reset();
  if (summary.profile) {
    if (auto written = save_profile(*summary.profile, session.flags.profile); !written) {
      print_error(written.error());
      saved = false;
      summary.profile.reset();  // nobody shall read that it was written
    }
  }
  if (!session.flags.quiet) print_summary(summary, session.flags, *session.backend);
  if (!session.flags.summary.empty()) {
    auto written = write_file_atomically(session.flags.summary, summary_json(summary, *session.backend));
    if (!written) print_error(written.error());
  }
  return saved;
}

int exit_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) return 128 + WTERMSIG(wait_status);
  return WEXITSTATUS(wait_status);
}

std::vector<std::string> environment_of(const Session& session) {
  std::vector<std::string> all;
  constexpr std::string_view kOtherSupervisor = LG_SUPERVISOR_VARIABLE "=", kManager = "NOTIFY_SOCKET=";
  for (char** entry = environ; *entry != nullptr; entry++) {
    const std::string_view text = *entry;
    if (text.starts_with(kOtherSupervisor) || (session.ready && text.starts_with(kManager))) continue;
    all.emplace_back(text);
  }
  if (session.ready) all.push_back("NOTIFY_SOCKET=" + session.ready->address());
  return all;
}

// A Ctrl-C that reaches us when the program has ended (a busy machine) was for the program: ended by it, we would lose
// the program's exit status, or the profile. This also forgets what is pending.
void ignore_late_signals() {
  for (int late : {SIGINT, SIGQUIT, SIGTERM, SIGHUP}) ::signal(late, SIG_IGN);
}

int refuse_to_start(const Error& error) {
  print_error(error);
  return kSessionFailed;
}

}  // namespace

int run_command(const GuardFlags& flags, const std::vector<std::string>& command) {
  if (command.empty())
    return refuse_to_start({Code::kInvalid, "no command to run", "libguard record|run [OPTIONS] -- CMD ARGUMENTS"});
  auto made = make_session(flags, command, std::nullopt);
  if (!made) return refuse_to_start(made.error());
  Session& session = **made;
  if (!flags.record && !flags.quiet && session.announced.policy_digest.empty())
    print_notice("without a policy every call passes, and none is reported (--policy FILE)");
  if (auto backend = make_backend(session, false); !backend) return refuse_to_start(backend.error());
  auto child =
      spawn_guarded({command, environment_of(session), session.client, session.filter, session.backend->ruleset()});
  if (!child) return refuse_to_start(child.error());
  drop_privileges();
  session.guard->begin();
  if (auto started = session.backend->start_door(child->take_listener(), child->pid(), child->shielded()); !started)
    return refuse_to_start(started.error());
  if (auto started = start_switches(session); !started) return refuse_to_start(started.error());
  announce(session, child->pid());
  {
    ProgressLine progress(*session.guard, flags.record && !flags.quiet);
    child->go();
    session.backend->serve();
  }
  ignore_late_signals();
  const int error = child->exec_error();
  bool saved = conclude(session, error == 0);
  int status = exit_status(session.backend->child_status());
  if (error != 0) {
    std::fprintf(stderr, "libguard: cannot run %s: %s\nhint: is it the right name, and executable?\n",
                 command.front().c_str(), std::strerror(error));
    return status;
  }
  if (!saved) return kSessionFailed;
  if (status == 0 && flags.fail_on_deviation && session.guard->progress().deviations != 0) return kDeviationsFound;
  return status;
}

int supervise(int door_fd) {
  auto door = DetachedDoor::accept(door_fd);
  if (!door) return refuse_to_start(door.error());
  auto command_text = read_file("/proc/" + std::to_string(door->pid()) + "/cmdline");
  std::vector<std::string> command;
  if (command_text)
    for (const char* word = command_text->c_str(); word < command_text->c_str() + command_text->size();
         word += std::strlen(word) + 1)
      command.emplace_back(word);
  auto made = make_session(flags_from_environment(), command, door->take_talk());
  Status ready;
  if (made) ready = make_backend(**made, true);
  if (!made || !ready) {
    door->refuse(kSessionFailed, made ? ready.error() : made.error());
    return kSessionFailed;
  }
  Session& session = **made;
  drop_privileges();
  session.guard->begin();
  auto listener = door->exchange(session.filter);
  if (!listener) return refuse_to_start(listener.error());
  if (auto started = session.backend->start_running(*listener, door->pid()); !started)
    return refuse_to_start(started.error());
  if (auto started = start_switches(session); !started) return refuse_to_start(started.error());
  announce(session, door->pid());
  if (auto opened = door->ready(); !opened) return refuse_to_start(opened.error());
  session.backend->serve();
  return conclude(session, true) ? 0 : kSessionFailed;
}

}  // namespace libguard
