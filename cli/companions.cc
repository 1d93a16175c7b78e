// SPDX-License-Identifier: Apache-2.0
// Asks abilities which rights the kernel may take, and starts its programs for them.
//
// Way:     see companions.h.
// Thread:  main thread.
// Failure: see companions.h.
#include "cli/companions.h"

#include "core/backend/bpf/abilities.h"
#include "core/backend/bpf/bpf_companion.h"

namespace libguard {
namespace {

// What the policy only logs is left to notify.
void keep_refused(const Guard& guard, BpfOptions& options) {
  RightSet kept;
  for (Right right : options.rights.rights()) {
    if (guard.action(right) != Action::kLog) kept.add(right);
    if (guard.action(right) == Action::kKill) options.killed.add(right);
  }
  options.rights = kept;
}

// The files of code are named while their caller waits.
void leave_code(RightSet& rights) {
  RightSet code;
  code.add(Right{LG_RIGHT_MMAP_EXEC_FILE});
  rights.remove(code);
}

// Whitelists hold for the runtime too, which the judge in the kernel passes over.
void leave_unlisted(const Guard& guard, RightSet& rights) {
  RightSet kept;
  for (Right right : rights.rights())
    if (guard.is_listed_always(right)) kept.add(right);
  rights = kept;
}

// Whose probes feed the stacks; none are asked for: they are walked.
Status choose_feed(const GuardFlags& flags, const std::vector<std::string>& command, BpfOptions& options) {
  if (flags.feed == "walk") return {};
  auto interpreter = interpreter_of(command.empty() ? "" : command.front());
  if (!interpreter) return tl::unexpected(interpreter.error());
  auto probes = read_probes(*interpreter);
  if (!probes) return tl::unexpected(probes.error());
  if (probes->hides_exceptions)
    return fail(Code::kUnsupported,
                "the probes of " + *interpreter + " do not tell of functions that an exception ends",
                "leave --feed out: the walk needs no probes");
  if (probes->traces_lines && !flags.record)
    return fail(Code::kUnsupported,
                "the probes of " + *interpreter + " tell of each call only while each line is traced",
                "that is for 'libguard record --feed usdt'; a program that is to run is walked: leave --feed out");
  options.feed = std::move(*probes);
  return {};
}

Result<std::unique_ptr<Companion>> without(const GuardFlags& flags, const Error& why) {
  if (flags.backend == "bpf" || flags.feed != "walk") return tl::unexpected(why);
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<Companion>> make_companion(const GuardFlags& flags, const std::vector<std::string>& command,
                                                  Guard& guard, std::vector<Outcome>& outcomes) {
  const Error nothing{Code::kUnsupported, "the kernel would judge no right here, so nothing needs a feed",
                      "leave --feed out"};
  if (flags.backend == "notify") return without(flags, nothing);
  const bool wanted = flags.backend == "bpf";
  BpfOptions options;
  if (Status fed = choose_feed(flags, command, options); !fed) return tl::unexpected(fed.error());
  options.rights = kernel_rights(outcomes, guard.mode() == Mode::kEnforce);
  options.matrix = guard.matrix();
  options.record = guard.recording();
  options.judge = guard.mode() != Mode::kObserve;
  options.refuse = guard.mode() == Mode::kEnforce;
  if (options.refuse) keep_refused(guard, options);
  if (options.record) leave_code(options.rights);
  leave_unlisted(guard, options.rights);
  // Native stacks are read while their thread waits, and in the kernel nobody waits.
  if (options.record && !flags.phases.empty() && !wanted) options.rights = RightSet();
  const bool fed = options.feed.has_value();
  if (options.rights.empty() && fed) return tl::unexpected(nothing);
  if (options.rights.empty()) return nullptr;  // nothing that the kernel could do here
  auto made = BpfCompanion::make(std::move(options), guard);
  if (!made) return without(flags, made.error());
  if (*made == nullptr && fed) return tl::unexpected(nothing);
  if (*made == nullptr) return nullptr;
  const RightSet& taken = (*made)->rights();
  for (Right right : taken.rights()) outcomes[number(right)] = Outcome::kAllow;
  // The first call of a program's loader: the supervisor tells the kernel whose program it is before any other.
  if (guard.mode() == Mode::kEnforce) outcomes[LG_NR_brk] = Outcome::kNotify;
  return std::unique_ptr<Companion>(std::move(*made));
}

}  // namespace libguard
