// SPDX-License-Identifier: Apache-2.0
// The parent door.
//
// Way:     before the first event.
// Thread:  call before any other thread exists: the child runs C++ between fork and exec.
// Failure: see spawn.h.
#include "core/backend/notify/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "core/backend/notify/handover.h"
#include "libguard/courier.h"
#include "libguard/install_filter.h"

namespace libguard {
namespace {

struct Report {
  int error;
  bool shielded = false;
};

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// From the filter on every call may wait until the supervisor serves; it lets them all pass until the exec is behind.
[[noreturn]] void run_child(int socket, const SpawnOptions& options, char** arguments, char** environment) {
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);         // a supervisor is not; its child must be readable until it execs
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // it would wait for ever on a listener that it holds itself
  bool shielded = options.ruleset >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                  syscall(SYS_landlock_restrict_self, options.ruleset, 0) == 0;
  Report report{0, shielded};
  lg_courier* courier = lg_start_courier(socket, &report, sizeof(report));
  if (courier == nullptr) report.error = EAGAIN;
  int listener = -1;
  if (courier != nullptr) {
    listener = lg_install_filter(options.filter.data(), static_cast<unsigned short>(options.filter.size()));
    lg_give_courier(courier, listener);
    if (listener < 0) report.error = -listener;
  }
  if (listener < 0) {
    if (courier != nullptr) lg_bury_courier(courier);
    send_packet(socket, &report, sizeof(report));
    _exit(125);
  }
  char go = 0;
  if (receive_packet(socket, &go, sizeof(go)) != 1) _exit(125);
  lg_bury_courier(courier);
  close(listener);  // not before: the courier sends it from the descriptors that it shares
  prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
  execvpe(arguments[0], arguments, environment);
  report.error = errno;
  send_packet(socket, &report, sizeof(report));
  _exit(report.error == ENOENT || report.error == ENOTDIR ? 127 : 126);
}

}  // namespace

Child::~Child() {
  if (listener_ >= 0) close(listener_);
  if (socket_ >= 0) close(socket_);
}
Child::Child(Child&& other) noexcept
    : pid_(other.pid_),
      listener_(std::exchange(other.listener_, -1)),
      socket_(std::exchange(other.socket_, -1)),
      shielded_(other.shielded_) {}

int Child::take_listener() { return std::exchange(listener_, -1); }

void Child::go() {
  char go = 1;
  send_packet(socket_, &go, sizeof(go));
}

int Child::exec_error() const {
  Report report{0};
  fcntl(socket_, F_SETFL, O_NONBLOCK);
  return receive_packet(socket_, &report, sizeof(report)) == sizeof(report) ? report.error : 0;
}

std::vector<std::string> with_client(std::vector<std::string> environment, const std::string& client) {
  if (client.empty()) return environment;
  constexpr std::string_view kName = "LD_PRELOAD=";
  for (std::string& entry : environment) {
    if (!entry.starts_with(kName)) continue;
    entry = std::string(kName) + client + (entry.size() > kName.size() ? ":" + entry.substr(kName.size()) : "");
    return environment;
  }
  environment.push_back(std::string(kName) + client);
  return environment;
}

Result<Child> spawn_guarded(const SpawnOptions& options) {
  if (options.arguments.empty()) return fail(Code::kInvalid, "no command", "give the command after '--'");
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = with_client(options.environment, options.client_path);
  std::vector<char*> argv = pointers(arguments), envp = pointers(environment);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Code::kIo, std::string("socketpair: ") + std::strerror(errno),
                "raise the limit of open files (ulimit -n)");
  pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    run_child(ends[1], options, argv.data(), envp.data());
  }
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return fail(Code::kIo, std::string("fork: ") + std::strerror(errno), "raise the limit of processes (ulimit -u)");
  }
  Report report{EIO};
  int listener = -1;
  long got = receive_packet(ends[0], &report, sizeof(report), &listener);
  if (got == sizeof(report) && report.error == 0 && listener >= 0)
    return Child(pid, listener, ends[0], report.shielded);
  close(ends[0]);
  if (listener >= 0) close(listener);
  int status;
  waitpid(pid, &status, 0);
  int error = got == sizeof(report) ? report.error : EIO;
  return fail(Code::kUnsupported, "cannot guard the command: " + std::string(lg_install_filter_reason(error)),
              lg_install_filter_hint(error));
}

}  // namespace libguard
