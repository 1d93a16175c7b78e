// SPDX-License-Identifier: Apache-2.0
// A whitelist as a drop-in for a unit of systemd.
//
// Way:     whitelist -> *SystemCallFilter= of a service*.
// Thread:  pure function.
// Failure: systemd cannot only log, and has one answer for all that is not on the list: anything else is an Error.
#include "core/emit/whitelist.h"

namespace libguard {
namespace {

constexpr size_t kWidth = 110;

// SystemCallFilter= may be repeated: lists add up. `sign` "~": not allowed, with an error of its own.
std::string lines_of(const std::set<int>& numbers, const std::string& sign, const std::string& error) {
  std::string text, line;
  for (const int number : numbers) {
    const std::string word = *syscall_name(number) + error;
    if (!line.empty() && line.size() + 1 + word.size() > kWidth) text += line + "\n", line.clear();
    line += (line.empty() ? "SystemCallFilter=" + sign : " ") + word;
  }
  return line.empty() ? text : text + line + "\n";
}

Result<Action> one_action(const Whitelist& whitelist) {
  if (whitelist.refused.empty()) return Action::kDeny;
  const Action action = whitelist.refused.begin()->second;
  for (const auto& [number, wanted] : whitelist.refused)
    if (wanted != action)
      return fail(Code::kUnsupported,
                  "systemd has one answer for all calls that are not on its list, the policy several",
                  "give them one action (actions: { default: … }), or use --format oci-seccomp");
  if (action == Action::kLog)
    return fail(Code::kUnsupported, "systemd cannot only log calls that are not on its list",
                "use deny or kill, or --format oci-seccomp");
  return action;
}

}  // namespace

Result<std::string> render_systemd(const Whitelist& whitelist) {
  const auto action = one_action(whitelist);
  if (!action) return tl::unexpected(action.error());
  std::set<int> calls;
  for (const int number : whitelist.calls)  // the kernel lets these pass by itself, and systemd does not know them
    if (number != LG_NR_uretprobe && number != LG_NR_uprobe) calls.insert(number);
  std::string text = "# " + whitelist.origin + ", phase " + std::string(phase_name(whitelist.phase)) +
                     "; made by libguard export.\n"
                     "# systemd adds what it needs to start the program: its set @default, which holds execve.\n"
                     "[Service]\n"
                     "SystemCallArchitectures=native\n"
                     "# Lists of the unit itself end here: the first list of all decides what lists mean.\n"
                     "SystemCallFilter=\n" +
                     lines_of(calls, "", "");
  const std::string unheard = lines_of(whitelist.unheard, "~", ":ENOSYS");
  if (!unheard.empty()) text += "# Not allowed; whoever asks does without.\n" + unheard;
  text += *action == Action::kKill ? "SystemCallErrorNumber=kill\n" : "SystemCallErrorNumber=EPERM\n";
  return text;
}

}  // namespace libguard
