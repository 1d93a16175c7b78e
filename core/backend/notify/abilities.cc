// SPDX-License-Identifier: Apache-2.0
// Abilities and canary of the notify backend.
//
// Way:     before everything.
// Thread:  one.
// Failure: see abilities.h.
#include "core/backend/notify/abilities.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "bpf/judge.h"
#include "core/backend/notify/handover.h"
#include "core/backend/notify/listener.h"
#include "core/backend/walk/process_memory.h"
#include "core/rights/seccomp_filter.h"
#include "libguard/courier.h"
#include "libguard/install_filter.h"

namespace libguard {
namespace {

constexpr int kCanaryErrno = ECANCELED;  // no kernel answers mkdir with it
constexpr int kPatienceMilliseconds = 5000;
constexpr char kCanaryName[] = "libguard-canary-must-not-exist";

[[noreturn]] void be_canary(int socket, const std::vector<sock_filter>& filter) {
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // this process may have been made unreadable already
  int listener = lg_install_filter(filter.data(), static_cast<unsigned short>(filter.size()));
  int error = listener < 0 ? -listener : 0;
  if (listener < 0) send_packet(socket, &error, sizeof(error));
  if (listener < 0 || lg_send_descriptor(socket, &error, sizeof(error), listener) != 0) _exit(1);
  close(listener);
  long made = syscall(SYS_mkdir, kCanaryName, 0700);
  if (made == 0) rmdir(kCanaryName);
  _exit(made == -1 && errno == kCanaryErrno ? 0 : 2);
}

Status answer_canary(int socket) {
  int error = EIO, fd = -1;
  long got = receive_packet(socket, &error, sizeof(error), &fd);
  if (got != sizeof(error) || error != 0 || fd < 0)
    return fail(Code::kUnsupported, std::string("canary: no filter: ") + lg_install_filter_reason(error),
                lg_install_filter_hint(error));
  Listener listener(fd);
  pollfd waiting{fd, POLLIN, 0};
  const seccomp_notif& call = listener.call();
  for (;;) {
    if (poll(&waiting, 1, kPatienceMilliseconds) <= 0 || listener.receive() != Listener::Received::kCall)
      return fail(Code::kUnsupported, "canary: the notified call did not arrive", "see 'libguard doctor'");
    if (call.data.nr == SYS_mkdir) break;
    listener.pass(call.id);  // of another thread: a sanitizer makes one in each child
  }
  char name[sizeof(kCanaryName)] = "";
  ProcessMemory memory(static_cast<pid_t>(call.pid));
  bool readable = memory.read(call.data.args[0], name, sizeof(name)) && std::strcmp(name, kCanaryName) == 0;
  listener.refuse(call.id, kCanaryErrno);
  if (!readable)
    return fail(Code::kDenied, "canary: the memory of a child may not be read",
                "allow process_vm_readv in this container, or set kernel.yama.ptrace_scope to 1 or 0");
  return {};
}

}  // namespace

Status check_kernel_release(const std::string& release) {
  unsigned major = 0, minor = 0;
  if (std::sscanf(release.c_str(), "%u.%u", &major, &minor) != 2 || major < 5 || (major == 5 && minor < 19))
    return fail(Code::kUnsupported, "Linux " + release + " is too old: signals would interrupt guarded calls",
                "use Linux 5.19 or newer");
  return {};
}

Status check_kernel() {
  utsname name;
  if (uname(&name) != 0) return fail(Code::kUnsupported, "uname failed", "use Linux 5.19 or newer");
  if (prctl(LG_PRCTL, LG_MARKER_PROBE, 0, 0, 0) == LG_ABI_VERSION)
    return fail(Code::kUnsupported, "this runs inside a guard already, and the kernel takes only one",
                "start it outside of the other guard; programs inside are guarded by that one");
  return check_kernel_release(name.release);
}

std::vector<Ability> notify_abilities() {
  std::vector<Ability> abilities;
  for (Right right : all_rights()) {
    uint16_t id = number(right);
    if (id >= LG_FIRST_OPERATION)
      abilities.push_back({right, true, true, "marker call"});
    else if (lg_always_allowed(id))
      abilities.push_back({right, false, false, "always allowed: ends threads and signal handlers"});
    else if (id == LG_NR_clone3)
      abilities.push_back({right, false, true, "answered ENOSYS by the filter"});
    else if (id == LG_NR_set_robust_list)
      abilities.push_back({right, true, false, "notified: it tells the birth of threads"});
    else
      abilities.push_back({right, true, true, "notify"});
  }
  return abilities;
}

Result<Canary> Canary::start() {
  if (Status kernel = check_kernel(); !kernel) return tl::unexpected(kernel.error());
  FilterOptions options;
  options.outcomes.assign(LG_MAX_RIGHTS, Outcome::kAllow);
  options.outcomes[LG_NR_mkdir] = Outcome::kNotify;
  auto filter = make_filter(options);
  if (!filter) return tl::unexpected(filter.error());
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Code::kIo, std::string("socketpair: ") + std::strerror(errno),
                "raise the limit of open files (ulimit -n)");
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    be_canary(ends[1], *filter);
  }
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return fail(Code::kIo, std::string("fork: ") + std::strerror(errno), "raise the limit of processes (ulimit -u)");
  }
  return Canary(child, ends[0]);
}

Canary::Canary(Canary&& other) noexcept
    : child_(std::exchange(other.child_, -1)), socket_(std::exchange(other.socket_, -1)) {}

Canary::~Canary() {
  if (socket_ >= 0) close(socket_);
  if (child_ <= 0) return;
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

Status Canary::finish() {
  Status answered = answer_canary(socket_);
  int status = 0;
  if (!answered) kill(child_, SIGKILL);
  waitpid(std::exchange(child_, -1), &status, 0);
  if (!answered) return answered;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return fail(Code::kUnsupported, "canary: the refused call was not refused",
                "this kernel cannot enforce; see 'libguard doctor'");
  return {};
}

Status run_canary() {
  auto canary = Canary::start();
  return canary ? canary->finish() : tl::unexpected(canary.error());
}

}  // namespace libguard
