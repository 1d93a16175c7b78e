// SPDX-License-Identifier: Apache-2.0
// Listener: thin words around the seccomp notification ioctls.
//
// Way:     *events* -> stack -> verdict -> *action*.
// Thread:  the serving thread only, but for gone().
// Failure: ENOENT from the kernel means that the target is gone: false, nothing to do.
#include "core/backend/notify/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

namespace libguard {
namespace {

constexpr uint32_t kCallsPerLook = 32;  // a look takes two microseconds
constexpr double kSmoothing = 8;        // looks
constexpr double kPair = 1;             // the supervisor and the caller that it has just answered share one CPU
constexpr double kMargin = 0.1;
constexpr uint64_t kTurn = 100000;  // nanoseconds; the shortest that Linux grants

// What sched_setattr(2) takes: the kernel's header for it contradicts libc's.
struct ScheduleAttributes {
  uint32_t size = 48, policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0, deadline = 0, period = 0;
};

// The supervisor's own ticks interrupt these calls before they have done anything; an answer must never be lost.
int uninterrupted_ioctl(int fd, unsigned long request, void* argument) {
  int result;
  do {
    result = ioctl(fd, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

// From Linux 6.6 supervisor and caller can wake each other on the CPU where they are. Older kernels say EINVAL.
Listener::Listener(int fd) : fd_(fd), cpus_(static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN))) {
  if (ioctl(fd_, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0)
    load_ = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
}

// Older kernels ignore the wish.
void Listener::begin_serving() {
  ScheduleAttributes ours;
  if (syscall(SYS_sched_getattr, 0, &ours, sizeof(ours), 0) != 0 || ours.policy != SCHED_OTHER) return;
  ours.runtime = kTurn;
  syscall(SYS_sched_setattr, 0, &ours, 0);
}

Listener::~Listener() {
  close(fd_);
  if (load_ >= 0) close(load_);
}

// Where a CPU is idle, waking a thread there costs more than the call itself. Where none is, staying on one CPU makes
// callers queue behind each other while the next one runs dry.
void Listener::follow_load() {
  char text[64] = "";
  double averages[3];
  int running = 0;
  if (pread(load_, text, sizeof(text) - 1, 0) <= 0) return;
  if (std::sscanf(text, "%lf %lf %lf %d", &averages[0], &averages[1], &averages[2], &running) != 4) return;
  runnable_ += (running - runnable_) / kSmoothing;
  const bool idle = runnable_ < cpus_ + kPair - kMargin;
  if (idle == on_callers_cpu_) return;
  on_callers_cpu_ = idle;
  ioctl(fd_, SECCOMP_IOCTL_NOTIF_SET_FLAGS, idle ? SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP : 0);
}

Listener::Received Listener::receive() {
  if (load_ >= 0 && ++calls_ % kCallsPerLook == 0) follow_load();
  std::memset(&buffer_, 0, sizeof(buffer_));  // the kernel insists
  if (ioctl(fd_, SECCOMP_IOCTL_NOTIF_RECV, &buffer_.call) == 0) return Received::kCall;
  if (errno == EINTR) return Received::kNothing;
  if (errno == ENOENT) return gone() ? Received::kClosed : Received::kNothing;
  return Received::kClosed;
}

bool Listener::waiting(uint64_t id) const { return uninterrupted_ioctl(fd_, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

bool Listener::send(uint64_t id, int64_t value, int error, uint32_t flags) {
  seccomp_notif_resp response{};
  response.id = id;
  response.val = value;
  response.error = error;
  response.flags = flags;
  return uninterrupted_ioctl(fd_, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

bool Listener::pass(uint64_t id) { return send(id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); }
bool Listener::refuse(uint64_t id, int error) { return send(id, 0, -error, 0); }
bool Listener::answer(uint64_t id, int64_t value) { return send(id, value, 0, 0); }

// In two steps: with SECCOMP_ADDFD_FLAG_SEND a signal that reaches the supervisor while the caller takes the descriptor
// leaves the answer 0, and the caller would take its standard input for the file.
int Listener::answer_descriptor(uint64_t id, int fd, bool close_on_exec) {
  seccomp_notif_addfd add{};
  add.id = id;
  add.srcfd = static_cast<uint32_t>(fd);
  add.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
  int number = uninterrupted_ioctl(fd_, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
  if (number < 0) return errno;
  return answer(id, number) ? 0 : errno;
}

bool Listener::gone() const {
  pollfd watched{fd_, POLLIN, 0};
  return poll(&watched, 1, 0) > 0 && (watched.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace libguard
