// SPDX-License-Identifier: Apache-2.0
// `libguard export FILE`: a profile or a policy as the whitelist of a container or a service.
//
// Way:     profile or policy -> whitelist -> file.
// Thread:  main thread.
// Failure: an input that cannot be read, a phase that was never seen, an output that cannot be written: one line with a
//          hint, exit 2. What the reader should know about the list is said on stderr.
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/analyze_live.h"
#include "cli/answer.h"
#include "cli/verbs.h"
#include "core/base/text.h"
#include "core/emit/whitelist.h"

namespace libguard {
namespace {

struct ExportFlags {
  std::string file, format = "oci-seccomp", phase = "init", reachable, action, runtime = "runc", output;
  bool quiet = false, analyze = false;
};

template <class T>
struct Word {
  const char* text;
  T value;
};
enum class Format : uint8_t { kOci, kSystemd };
constexpr Word<Format> kFormats[] = {{"oci-seccomp", Format::kOci}, {"systemd", Format::kSystemd}};
constexpr Word<Phase> kPhases[] = {{"init", Phase::kInit}, {"serving", Phase::kServing}};
constexpr Word<Action> kActions[] = {{"deny", Action::kDeny}, {"kill", Action::kKill}, {"log", Action::kLog}};
constexpr Word<ContainerRuntime> kRuntimes[] = {
    {"runc", ContainerRuntime::kRunc}, {"crun", ContainerRuntime::kCrun}, {"none", ContainerRuntime::kNone}};

template <class T, size_t N>
Result<T> choose(const Word<T> (&words)[N], const char* what, const std::string& text) {
  std::vector<std::string> known;
  for (const Word<T>& word : words) {
    if (text == word.text) return word.value;
    known.emplace_back(word.text);
  }
  return fail(Code::kInvalid, std::string("export: unknown ") + what + " '" + text + "'", did_you_mean(text, known));
}

struct Input {
  std::optional<Profile> profile;  // the file, or what the policy pins
  std::optional<Rules> rules;      // the file is a policy
};

Result<Input> read_input(const std::string& path) {
  Input input;
  const auto kind = kind_of_file(path);
  if (!kind) return tl::unexpected(kind.error());
  std::string profile_path = path;
  if (*kind == FileKind::kEvents)
    return fail(Code::kInvalid, path + ": events are no list of what may happen", "name a profile or a policy");
  std::optional<Policy> policy;
  if (*kind == FileKind::kPolicy) {
    auto loaded = load_policy(path);
    if (!loaded) return tl::unexpected(loaded.error());
    policy = std::move(*loaded);
    profile_path = policy->profile_path;
  }
  if (!profile_path.empty()) {
    auto profile = load_profile(profile_path);
    if (!profile) return tl::unexpected(profile.error());
    input.profile = std::move(*profile);
  }
  if (policy) {
    auto rules = Rules::compile(*policy, input.profile ? &*input.profile : nullptr);
    if (!rules) return tl::unexpected(rules.error());
    input.rules = std::move(*rules);
  }
  return input;
}

void tell(const ExportFlags& flags, Format format, const Input& input, const Whitelist& list) {
  if (flags.quiet) return;
  std::fprintf(stderr, "libguard: %zu calls in phase %s, %zu refused, %zu answered ENOSYS\n", list.calls.size(),
               flags.phase.c_str(), list.refused.size(), list.unheard.size());
  if (list.phase == Phase::kServing)
    std::fprintf(stderr,
                 "libguard: a list for serving cannot start the program: %s installs it before\nhint: use --phase init "
                 "there\n",
                 format == Format::kOci ? "a container runtime" : "systemd");
  if (!input.profile) return;
  if (!input.profile->complete())
    std::fprintf(stderr, "libguard: the profile is not complete: calls may be missing (completeness)\n");
  if (!input.rules && !input.profile->target.everyday && flags.reachable.empty() && !flags.analyze)
    std::fprintf(
        stderr,
        "libguard: @base and @io were not recorded, so all of them are on the list\nhint: record --everyday, or "
        "--reachable with what 'libguard analyze --json' found\n");
}

int run_export(const ExportFlags& flags) {
  const auto format = choose(kFormats, "format", flags.format);
  if (!format) return trouble(format.error());
  const auto phase = choose(kPhases, "phase", flags.phase);
  if (!phase) return trouble(phase.error());
  const auto runtime = choose(kRuntimes, "runtime", flags.runtime);
  if (!runtime) return trouble(runtime.error());
  const auto input = read_input(flags.file);
  if (!input) return trouble(input.error());
  WhitelistOptions options;
  options.phase = *phase;
  options.origin = flags.file.substr(flags.file.rfind('/') + 1);
  if (!flags.action.empty()) {
    const auto action = choose(kActions, "action", flags.action);
    if (!action) return trouble(action.error());
    if (input->rules)
      return trouble({Code::kInvalid, "export: a policy says itself what is done (actions)", "leave --action out"});
    options.action = *action;
  }
  std::optional<Profile> reachable;
  if (flags.analyze && !input->profile)
    return trouble({Code::kInvalid, "export: a policy without a profile names no files of code",
                    "export the profile, or name a static one with --reachable"});
  if (!flags.reachable.empty() || flags.analyze) {
    auto loaded = flags.analyze ? reachable_of(*input->profile) : load_profile(flags.reachable);
    if (!loaded) return trouble(loaded.error());
    reachable = std::move(*loaded);
    options.reachable = &*reachable;
  }
  const Profile* profile = input->profile ? &*input->profile : nullptr;
  const auto list =
      input->rules ? make_whitelist(*input->rules, profile, options) : make_whitelist(*input->profile, options);
  if (!list) return trouble(list.error());
  const auto text = *format == Format::kOci ? render_oci(*list, *runtime) : render_systemd(*list);
  if (!text) return trouble(text.error());
  tell(flags, *format, *input, *list);
  return answer_to(flags.output, *text, kYes);
}

}  // namespace

void add_export(CLI::App& app, Verbs& verbs) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* verb = app.add_subcommand("export", "Write the whitelist of a container or service: OCI seccomp, systemd");
  verb->add_option("FILE", flags->file, "A profile (of record or analyze --json), or a policy")->required();
  verb->add_option("--format", flags->format, "oci-seccomp or systemd")->capture_default_str();
  verb->add_option("--phase", flags->phase, "init (and all later) or serving")->capture_default_str();
  auto* analyze = verb->add_flag("--analyze", flags->analyze,
                                 "With what static analysis finds of the recorded programs, phase by phase");
  verb->add_option("--reachable", flags->reachable, "A profile of analyze --json: narrows what was not recorded")
      ->excludes(analyze);
  verb->add_option("--action", flags->action, "What calls get that are not on the list: deny, kill or log");
  verb->add_option("--runtime", flags->runtime, "Who starts the container: runc, crun or none")->capture_default_str();
  verb->add_option("-o,--output", flags->output, "File to write");
  verb->add_flag("--quiet", flags->quiet, "Nothing on stderr but errors");
  verbs.push_back({verb, [flags] { return run_export(*flags); }});
}

}  // namespace libguard
