// SPDX-License-Identifier: Apache-2.0
// Defence: refuses what is aimed at the supervisor, sends by descriptor what is not.
//
// Way:     events -> *verdict*.
// Thread:  the serving thread only.
// Failure: when in doubt EPERM.
#include "core/backend/notify/defence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace libguard {
namespace {

constexpr uint32_t kUntoldFamily = 0xffff;
constexpr uint32_t kFioSetOwn = 0x8901, kSiocSetGroup = 0x8902, kTiocSti = 0x5412;
constexpr int kPriorityProcess = 0, kPriorityGroup = 1;  // also of ioprio_set, where they count from 1

bool by_first_argument(int nr) {
  switch (nr) {
    case SYS_tkill:
    case SYS_tgkill:
    case SYS_rt_sigqueueinfo:
    case SYS_rt_tgsigqueueinfo:
    case SYS_pidfd_open:
    case SYS_prlimit64:
    case SYS_sched_setparam:
    case SYS_sched_setscheduler:
    case SYS_sched_setaffinity:
    case SYS_sched_setattr:
    case SYS_migrate_pages:
    case SYS_move_pages:
    case SYS_process_vm_readv:
    case SYS_process_vm_writev:
      return true;
    default:
      return false;
  }
}

bool by_second_argument(int nr) { return nr == SYS_ptrace || nr == SYS_kcmp || nr == SYS_perf_event_open; }

// The process behind a pidfd or a /proc/PID directory of ours; 0: neither.
pid_t process_behind(int fd) {
  char path[64], text[512];
  std::snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  ssize_t size = readlink(path, text, sizeof(text) - 1);
  if (size <= 0) return 0;
  text[size] = 0;
  if (std::strncmp(text, "/proc/", 6) == 0) return std::atoi(text + 6);
  std::snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
  FILE* file = std::fopen(path, "re");
  if (!file) return 0;
  pid_t pid = 0;
  while (std::fgets(text, sizeof(text), file))
    if (std::strncmp(text, "Pid:", 4) == 0) pid = std::atoi(text + 4);
  std::fclose(file);
  return pid;
}

// The kernel's own rule for kill: the sender's user is the target's real or saved user, or it has CAP_KILL.
bool may_signal(const TaskStatus& sender, const TaskStatus& target) {
  constexpr uint64_t kCapKill = 1ull << 5;
  if (sender.capabilities & kCapKill) return true;
  return sender.uid[1] == target.uid[0] || sender.uid[1] == target.uid[2] || sender.uid[0] == target.uid[0] ||
         sender.uid[0] == target.uid[2];
}

}  // namespace

int copy_descriptor(const Process& process, int fd) {
  if (process.pidfd < 0) return -1;
  return static_cast<int>(syscall(SYS_pidfd_getfd, process.pidfd, fd, 0));
}

uint32_t socket_family(const Process& process, int fd) {
  int copy = copy_descriptor(process, fd);
  if (copy < 0) return kUntoldFamily;
  int family = 0;
  socklen_t size = sizeof(family);
  if (getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) family = kUntoldFamily;
  close(copy);
  return static_cast<uint32_t>(family);
}

Defence::Defence() : pid_(getpid()) {}

bool Defence::concerns(int nr) {
  if (by_first_argument(nr) || by_second_argument(nr)) return true;
  switch (nr) {
    case SYS_kill:
    case SYS_setpriority:
    case SYS_ioprio_set:
    case SYS_fcntl:
    case SYS_ioctl:
    case SYS_pidfd_send_signal:
    case SYS_pidfd_getfd:
    case SYS_process_madvise:
    case SYS_process_mrelease:
      return true;
    default:
      return false;
  }
}

bool Defence::admits_us(const Thread& thread, const seccomp_data& call) const {
  if (call.nr != SYS_prctl || static_cast<uint32_t>(call.args[0]) != PR_SET_PTRACER) return false;
  return call.args[1] == static_cast<uint64_t>(pid_) && thread.process->own_pid == thread.process->pid;
}

bool Defence::is_us(pid_t id, pid_t known_other) const {
  if (id <= 0 || id == known_other) return false;
  if (id == pid_) return true;
  TaskStatus status;
  return read_status(id, &status) && status.tgid == pid_;
}

// target as kill(2) takes it: 0 the own group, -1 everybody, -n group n.
bool Defence::hits_our_group(const Thread& thread, int64_t target) const {
  pid_t group = target == 0 ? getpgid(thread.process->pid) : static_cast<pid_t>(-target);
  return group == getpgid(0);
}

std::string_view Defence::aims_at_us(const Thread& thread, const seccomp_data& call) const {
  const int nr = call.nr;
  const auto first = static_cast<int32_t>(call.args[0]), second = static_cast<int32_t>(call.args[1]);
  if (nr == SYS_ioctl) {
    auto request = static_cast<uint32_t>(call.args[1]);
    // The process stands behind a pointer, or keys would be typed for the supervisor's terminal.
    if (request == kFioSetOwn || request == kSiocSetGroup || request == kTiocSti) return "terminal or signal ioctl";
    return {};
  }
  if (nr == SYS_fcntl && second == F_SETOWN_EX) return "signal owner behind a pointer";
  if (nr == SYS_process_madvise || nr == SYS_process_mrelease || nr == SYS_pidfd_getfd || nr == SYS_pidfd_send_signal) {
    int copy = copy_descriptor(*thread.process, first);
    pid_t target = copy < 0 ? 0 : process_behind(copy);
    if (copy >= 0) close(copy);
    return is_us(target) ? "descriptor of the supervisor" : std::string_view();
  }
  // In a pid namespace of its own the caller has no number for the supervisor.
  if (thread.process->own_pid != thread.process->pid) return {};
  if (by_first_argument(nr))
    return is_us(first, thread.process->pid) ? "call aimed at the supervisor" : std::string_view();
  if (by_second_argument(nr))
    return is_us(second) || (nr == SYS_kcmp && is_us(first)) ? "call aimed at the supervisor" : std::string_view();
  if (nr == SYS_kill) {
    if (first == -1) return "signal to everybody";
    if (first > 0) return is_us(first, thread.process->pid) ? "signal to the supervisor" : std::string_view();
    // A shared group is signalled by carry_out; one that is only the supervisor's is not.
    return hits_our_group(thread, first) && getpgid(thread.process->pid) != getpgid(0)
               ? "signal to the supervisor's group"
               : std::string_view();
  }
  if (nr == SYS_fcntl && second == F_SETOWN) {
    auto owner = static_cast<int32_t>(call.args[2]);
    return is_us(owner) || (owner < 0 && hits_our_group(thread, owner)) ? "signal owner is the supervisor"
                                                                        : std::string_view();
  }
  if (nr == SYS_setpriority || nr == SYS_ioprio_set) {
    int which = nr == SYS_ioprio_set ? first - 1 : first;
    if (which == kPriorityProcess) return is_us(second) ? "priority of the supervisor" : std::string_view();
    if (which == kPriorityGroup)
      return hits_our_group(thread, -int64_t{second}) ? "priority of the supervisor's group" : std::string_view();
    return "priority of all processes of the user";
  }
  return {};
}

bool Defence::carries_out(const Thread& thread, const seccomp_data& call) const {
  if (call.nr == SYS_pidfd_send_signal) return true;
  if (call.nr != SYS_kill || thread.process->own_pid != thread.process->pid) return false;
  auto target = static_cast<int32_t>(call.args[0]);
  // Signals that the supervisor cannot hold off; all others it blocks.
  auto signal = static_cast<int32_t>(call.args[1]);
  return target <= 0 && target != -1 && (signal == SIGKILL || signal == SIGSTOP) && hits_our_group(thread, target);
}

int64_t Defence::carry_out(const Thread& thread, const seccomp_data& call) const {
  if (call.nr == SYS_pidfd_send_signal) return send_by_descriptor(thread, call);
  return signal_group(thread, static_cast<int32_t>(call.args[1]));
}

int64_t Defence::send_by_descriptor(const Thread& thread, const seccomp_data& call) const {
  if (call.args[2] != 0) return -EPERM;  // a forged siginfo is behind a pointer
  int copy = copy_descriptor(*thread.process, static_cast<int>(call.args[0]));
  if (copy < 0) return -EBADF;
  pid_t target = process_behind(copy);
  TaskStatus sender, receiver;
  int64_t result = -EPERM;
  if (target > 0 && !is_us(target) && read_status(thread.tid, &sender) && read_status(target, &receiver) &&
      may_signal(sender, receiver))
    result = syscall(SYS_pidfd_send_signal, copy, static_cast<int>(call.args[1]), nullptr,
                     static_cast<unsigned>(call.args[3])) == 0
                 ? 0
                 : -errno;
  if (target == 0) result = -EBADF;
  close(copy);
  return result;
}

// The group's members one by one, the supervisor left out; the caller last, as it may not return.
int64_t Defence::signal_group(const Thread& thread, int signal) const {
  const pid_t group = getpgid(0);
  TaskStatus sender;
  if (!read_status(thread.tid, &sender)) return -EPERM;
  DIR* folder = opendir("/proc");
  if (!folder) return -EPERM;
  bool self = false;
  while (dirent* entry = readdir(folder)) {
    pid_t pid = std::atoi(entry->d_name);
    if (pid <= 0 || pid == pid_ || getpgid(pid) != group) continue;
    TaskStatus receiver;
    if (pid == thread.process->pid)
      self = true;
    else if (read_status(pid, &receiver) && may_signal(sender, receiver))
      kill(pid, signal);
  }
  closedir(folder);
  if (self) kill(thread.process->pid, signal);
  return 0;
}

}  // namespace libguard
