// SPDX-License-Identifier: Apache-2.0
// A whitelist in the words of the OCI runtime specification.
//
// Way:     whitelist -> *linux.seccomp of a container*.
// Thread:  pure function.
// Failure: see whitelist.h.
//
// One architecture: lists are made of x86-64 programs, and libseccomp ends a thread that enters the kernel by another
// door (32 bit, x32). What no entry names is newer than the table of rights and gets ENOSYS.
#include <cerrno>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/emit/whitelist.h"

namespace libguard {
namespace {

using Json = nlohmann::ordered_json;

// What the runtime's own process makes between the filter and the program: crun 1.8 what was traced, runc 1.1 that and
// what the runtime of Go may need in between (no_new_privs set; without it runc also drops privileges there).
constexpr int kCrunCalls[] = {LG_NR_close, LG_NR_execve};
constexpr int kRuncCalls[] = {
    LG_NR_brk,         LG_NR_close,       LG_NR_epoll_ctl, LG_NR_epoll_pwait,  LG_NR_execve,         LG_NR_fcntl,
    LG_NR_fstat,       LG_NR_fstatfs,     LG_NR_futex,     LG_NR_getdents64,   LG_NR_getpid,         LG_NR_gettid,
    LG_NR_madvise,     LG_NR_mmap,        LG_NR_munmap,    LG_NR_nanosleep,    LG_NR_newfstatat,     LG_NR_openat,
    LG_NR_openat2,     LG_NR_prctl,       LG_NR_read,      LG_NR_rt_sigaction, LG_NR_rt_sigprocmask, LG_NR_rt_sigreturn,
    LG_NR_sched_yield, LG_NR_sigaltstack, LG_NR_tgkill,    LG_NR_unlinkat,     LG_NR_write};

const char* runtime_name(ContainerRuntime runtime) { return runtime == ContainerRuntime::kCrun ? "crun" : "runc"; }

std::set<int> calls_of_runtime(ContainerRuntime runtime) {
  if (runtime == ContainerRuntime::kNone) return {};
  if (runtime == ContainerRuntime::kCrun) return {std::begin(kCrunCalls), std::end(kCrunCalls)};
  return {std::begin(kRuncCalls), std::end(kRuncCalls)};
}

template <class Numbers>
Json entry(const Numbers& numbers, const char* action, int error, const std::string& comment) {
  Json names = Json::array();
  for (const int number : numbers) names.push_back(*syscall_name(number));
  Json out = {{"names", std::move(names)}, {"action", action}};
  if (error != 0) out["errnoRet"] = error;
  out["comment"] = comment;
  return out;
}

const char* action_text(Action action) {
  switch (action) {
    case Action::kKill:
      return "SCMP_ACT_KILL_PROCESS";
    case Action::kLog:
      return "SCMP_ACT_LOG";
    case Action::kDeny:
      break;
  }
  return "SCMP_ACT_ERRNO";
}

}  // namespace

Result<std::string> render_oci(const Whitelist& whitelist, ContainerRuntime runtime) {
  std::set<int> own;
  for (const int number : calls_of_runtime(runtime))
    if (whitelist.calls.count(number) == 0) own.insert(number);
  Json entries = Json::array();
  entries.push_back(entry(whitelist.calls, "SCMP_ACT_ALLOW", 0,
                          whitelist.origin + ", phase " + std::string(phase_name(whitelist.phase))));
  if (!own.empty())
    entries.push_back(entry(own, "SCMP_ACT_ALLOW", 0,
                            std::string("not of the program: ") + runtime_name(runtime) + " needs these to start it"));
  for (const Action action : {Action::kDeny, Action::kKill, Action::kLog}) {
    std::set<int> refused;
    for (const auto& [number, wanted] : whitelist.refused)
      if (wanted == action && own.count(number) == 0) refused.insert(number);
    if (!refused.empty())
      entries.push_back(entry(refused, action_text(action), action == Action::kDeny ? EPERM : 0, "not on the list"));
  }
  std::set<int> unheard;
  for (const int number : whitelist.unheard)
    if (own.count(number) == 0) unheard.insert(number);
  entries.push_back(entry(unheard, "SCMP_ACT_ERRNO", ENOSYS, "not on the list; whoever asks does without"));
  const Json out = {{"defaultAction", "SCMP_ACT_ERRNO"},
                    {"defaultErrnoRet", ENOSYS},
                    {"architectures", {"SCMP_ARCH_X86_64"}},
                    {"syscalls", std::move(entries)}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace libguard
