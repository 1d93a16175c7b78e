// SPDX-License-Identifier: Apache-2.0
// Flags, environment and files -> GuardOptions.
//
// Way:     see guard_flags.h.
// Thread:  main thread.
// Failure: see guard_flags.h.
#include "cli/guard_flags.h"

#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/backend/bpf/pins.h"
#include "core/backend/notify/proc.h"
#include "core/base/search_path.h"
#include "core/base/text.h"
#include "core/library/application.h"
#include "core/live/function_place.h"
#include "core/policy/serving_start.h"

extern char** environ;

namespace libguard {
namespace {

constexpr const char* kSystemPolicy = "/etc/libguard/policy.yaml";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A mistyped LIBGUARD_POLICY would leave the program unguarded.
Status check_variables() {
  constexpr std::string_view kPrefix = "LIBGUARD_";
  const std::vector<std::string> known = {"POLICY", "MODE", "PROFILE", "EVENTS", "APP", "PHASES"};
  for (char** entry = environ; *entry != nullptr; entry++) {
    std::string_view name = *entry;
    name = name.substr(0, name.find('='));
    if (!name.starts_with(kPrefix)) continue;
    const std::string rest(name.substr(kPrefix.size()));
    const auto meant = nearest(rest, known);
    if (meant && *meant != rest)
      return fail(Code::kInvalid, "unknown variable '" + std::string(name) + "'",
                  "did you mean '" + std::string(kPrefix) + *meant + "'?");
  }
  return {};
}

std::string home_directory() {
  if (std::string home = environment("HOME"); !home.empty()) return home;
  const passwd* entry = ::getpwuid(::geteuid());
  return entry == nullptr ? "" : entry->pw_dir;
}

std::string absolute(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  std::filesystem::path full = std::filesystem::absolute(path, error);
  return error ? path : full.lexically_normal().string();
}

Status load_rules(const GuardFlags& flags, GuardOptions* options) {
  std::string path = flags.policy;
  if (path.empty() && !flags.record && ::access(kSystemPolicy, R_OK) == 0) path = kSystemPolicy;
  if (path.empty()) return {};
  auto policy = load_policy(path);
  if (!policy) return tl::unexpected(policy.error());
  if (!policy->profile_path.empty()) {
    auto profile = load_profile(policy->profile_path);
    if (!profile) return tl::unexpected(profile.error());
    options->profile = std::move(*profile);
  }
  options->policy = std::move(*policy);
  return {};
}

// The flag, else what the policy says.
Status choose_serving_start(const GuardFlags& flags, GuardOptions* options) {
  options->serving_starts = flags.phases;
  options->masters = flags.masters;
  if (flags.masters.empty() && options->policy) options->masters = options->policy->init_masters;
  if (flags.phases.empty() && options->policy) options->serving_starts = options->policy->serving_starts;
  auto start = find_serving_start(options->serving_starts);
  if (!start) return fail(Code::kInvalid, "unknown start of the serving phase '" + flags.phases + "'", kServingStarts);
  if (start->kind != ServingStart::kFunction) return {};
  auto place = FunctionPlace::parse(start->function);
  return place ? Status() : tl::unexpected(place.error());
}

std::string real(const std::string& path) {
  std::error_code error;
  std::filesystem::path full = std::filesystem::weakly_canonical(path, error);
  return error ? path : full.string();
}

void add_own_files(const GuardFlags& flags, GuardOptions& options) {
  if (!flags.policy.empty()) options.own_files.push_back(real(flags.policy));
  if (options.policy && !options.policy->profile_path.empty())
    options.own_files.push_back(real(options.policy->profile_path));
  options.own_files.push_back(real("/proc/self/exe"));
  if (::geteuid() == 0) options.own_files.push_back(Pins::kRoot);  // without its pins a guard ends with its supervisor
}

// Something that has phases and brings no language runtime along has no files of an application either.
bool is_native_server(const GuardOptions& options) {
  const bool has_phases = !options.serving_starts.empty() || (options.policy && !options.policy->calls.empty());
  if (!has_phases || options.command.empty()) return false;
  const int file = ::open(found_in_path(options.command.front()).c_str(), O_RDONLY | O_CLOEXEC);
  char magic[4] = "";
  const bool is_native = file >= 0 && ::pread(file, magic, sizeof(magic), 0) == sizeof(magic) &&
                         std::memcmp(magic, "\177ELF", sizeof(magic)) == 0 && !elf_names_runtime(file);
  if (file >= 0) ::close(file);
  return is_native;
}

Result<Mode> parse_mode(const std::string& text) {
  if (auto mode = find_mode(text)) return *mode;
  return fail(Code::kInvalid, "unknown mode '" + text + "'", did_you_mean(text, {"observe", "detect", "enforce"}));
}

}  // namespace

void add_guard_options(CLI::App* verb, GuardFlags& flags) {
  if (!flags.record) {
    verb->add_option("--policy", flags.policy, "The policy: what each library may do")->envname("LIBGUARD_POLICY");
    verb->add_option("--mode", flags.mode, "observe: record only; detect: judge and log; enforce: judge and refuse")
        ->envname("LIBGUARD_MODE");
    verb->add_flag("--fail-on-deviation", flags.fail_on_deviation,
                   "Exit 3 if there were deviations and CMD ended with 0");
  }
  verb->add_option("--events", flags.events, "Append events to this file, one JSON object a line")
      ->envname("LIBGUARD_EVENTS");
  verb->add_option("--app", flags.application, "Directory whose files are the application")->envname("LIBGUARD_APP");
  verb->add_option("--phases", flags.phases, std::string("When processes serve by themselves: ") + kServingStarts)
      ->envname("LIBGUARD_PHASES");
  verb->add_option("--masters", flags.masters, "Prefork masters, by path or name: they stay in init")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb->add_option("--backend", flags.backend,
                   "auto: the kernel judges what it can; bpf: or fail; notify: the supervisor judges all")
      ->capture_default_str();
  verb->add_option("--feed", flags.feed,
                   "walk: frames are read at the call; usdt: the interpreter's own probes push and pop (root)")
      ->capture_default_str();
  verb->add_option("--summary", flags.summary, "Write the summary of the run to this file, as JSON");
  verb->add_flag("--quiet", flags.quiet, "Nothing on stderr but errors");
}

GuardFlags flags_from_environment() {
  GuardFlags flags;
  flags.policy = environment("LIBGUARD_POLICY");
  flags.mode = environment("LIBGUARD_MODE");
  flags.profile = environment("LIBGUARD_PROFILE");
  flags.events = environment("LIBGUARD_EVENTS");
  flags.application = environment("LIBGUARD_APP");
  flags.phases = environment("LIBGUARD_PHASES");
  flags.record = flags.policy.empty() && !flags.profile.empty();
  flags.quiet = true;
  return flags;
}

Result<GuardOptions> make_guard_options(const GuardFlags& flags, const std::vector<std::string>& command) {
  GuardOptions options;
  if (auto variables = check_variables(); !variables) return tl::unexpected(variables.error());
  if (flags.backend != "auto" && flags.backend != "bpf" && flags.backend != "notify")
    return fail(Code::kInvalid, "unknown backend '" + flags.backend + "'",
                did_you_mean(flags.backend, {"auto", "bpf", "notify"}));
  if (flags.feed != "walk" && flags.feed != "usdt")
    return fail(Code::kInvalid, "unknown feed '" + flags.feed + "'", did_you_mean(flags.feed, {"walk", "usdt"}));
  options.record = flags.record;
  options.everyday = flags.everyday;
  options.command = command;
  options.events_path = flags.events.empty() ? "" : real(flags.events);
  if (auto loaded = load_rules(flags, &options); !loaded) return tl::unexpected(loaded.error());
  if (!flags.mode.empty()) {
    auto mode = parse_mode(flags.mode);
    if (!mode) return tl::unexpected(mode.error());
    options.mode = *mode;
  }
  if (flags.record) options.mode = Mode::kObserve;
  if (auto phases = choose_serving_start(flags, &options); !phases) return tl::unexpected(phases.error());
  ApplicationQuestion question;
  question.command = command;
  std::error_code gone;
  question.working_directory = std::filesystem::current_path(gone).string();
  if (gone && !std::filesystem::path(flags.application).is_absolute())
    return fail(Code::kNotFound, "the working directory is gone: " + gone.message(),
                "change to a directory that is there, or name the application's: --app /DIR");
  question.home = home_directory();
  question.explicit_directory = absolute(flags.application);
  question.temporary = environment("TMPDIR");
  auto directory = choose_application_dir(question, Tree("/"));
  const bool needs_one = !flags.application.empty() || !is_native_server(options);
  if (!directory && needs_one) return tl::unexpected(directory.error());
  if (directory) options.application_dir = *directory;
  add_own_files(flags, options);
  options.home = question.home;
  return options;
}

Result<std::string> find_client() {
  std::error_code error;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::filesystem::path base = self.parent_path();
  for (const char* place : {"../lib/libguard_preload.so", "../lib/libguard/libguard_preload.so",
                            "../lib/x86_64-linux-gnu/libguard_preload.so", "libguard_preload.so"}) {
    std::filesystem::path candidate = std::filesystem::weakly_canonical(base / place, error);
    if (!error && std::filesystem::is_regular_file(candidate, error)) return candidate.string();
  }
  return fail(Code::kNotFound, "libguard_preload.so is not beside " + self.string(),
              "install libguard whole: the command and libguard_preload.so belong together");
}

void print_error(const Error& error) {
  std::fprintf(stderr, "libguard: %s\nhint: %s\n", error.what.c_str(), error.hint.c_str());
}

}  // namespace libguard
