// SPDX-License-Identifier: Apache-2.0
// Watcher: epoll over pidfds, signals, and the listener's hang-up.
//
// Way:     *events*.
// Thread:  its own.
// Failure: a descriptor that cannot be watched: its process' state is freed when the number is used again.
#include "core/backend/notify/watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <system_error>

namespace libguard {
namespace {

constexpr int kWakeSignal = SIGURG;  // ignored by default: harmless if it arrives late
constexpr uint64_t kSignals = 1ull << 62, kListener = 1ull << 61, kEnd = 1ull << 60, kRing = 1ull << 59;
constexpr int kTickMilliseconds = 1000, kInsistMilliseconds = 5;

void on_wake(int) {}

void add(int epoll, int fd, uint64_t tag, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace

Watcher::Watcher(int listener, pid_t child) : listener_(listener), child_(child), serving_(pthread_self()) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  sigset_t held;
  sigfillset(&held);
  for (int fatal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, kWakeSignal}) sigdelset(&held, fatal);
  pthread_sigmask(SIG_BLOCK, &held, &before_);
  signals_ = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
  end_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction wake {};
  wake.sa_handler = on_wake;  // without SA_RESTART: the wait for the next call returns
  sigaction(kWakeSignal, &wake, nullptr);
  // A full file or a reader that went away is an errno for us, not our end.
  for (int unwritten : {SIGPIPE, SIGXFSZ}) signal(unwritten, SIG_IGN);
}

Watcher::~Watcher() {
  end_thread();
  for (int fd : {epoll_, signals_, end_})
    if (fd >= 0) close(fd);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void Watcher::end_thread() {
  served_.store(true);
  uint64_t one = 1;
  if (end_ >= 0) [[maybe_unused]]
    ssize_t written = write(end_, &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
}

// The listener often closes before the child's end is told: its status would be lost.
void Watcher::served(bool all_ended) {
  end_thread();
  if (child_ <= 0 || child_ended_.load()) return;
  int status = 0;
  pid_t ended;
  do ended = waitpid(child_, &status, all_ended ? 0 : WNOHANG);
  while (ended < 0 && errno == EINTR);
  if (ended != child_) return;
  child_status_.store(status);
  child_ended_.store(true);
}

Status Watcher::start() {
  if (epoll_ < 0 || signals_ < 0 || end_ < 0)
    return fail(Code::kLimit, std::string("no descriptors to watch the guarded processes: ") + std::strerror(errno),
                "raise the limit of open files (ulimit -n)");
  add(epoll_, end_, kEnd, EPOLLIN);
  add(epoll_, signals_, kSignals, EPOLLIN);
  add(epoll_, listener_, kListener, 0);  // hang-up only
  on_child_change();                     // its signal may have come before we listened
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return fail(Code::kLimit, std::string("cannot start a thread: ") + error.what(),
                "raise the limits of processes and memory (ulimit -u, ulimit -v)");
  }
  return {};
}

void Watcher::watch(pid_t pid, int pidfd) { add(epoll_, pidfd, static_cast<uint64_t>(pid), EPOLLIN | EPOLLONESHOT); }

void Watcher::watch_ring(int fd) { add(epoll_, fd, kRing, EPOLLIN | EPOLLET); }

void Watcher::wake() {
  if (!served_.load()) pthread_kill(serving_, kWakeSignal);
}

void Watcher::tell() {
  pending_.store(true, std::memory_order_release);
  wake();
}

std::vector<pid_t> Watcher::take_exits() {
  std::lock_guard lock(mutex_);
  pending_.store(false, std::memory_order_release);
  return std::move(exits_);
}

void Watcher::run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  auto next_tick = std::chrono::steady_clock::now() + std::chrono::milliseconds(kTickMilliseconds);
  for (;;) {
    epoll_event events[64];
    bool urgent = gone_.load() || insist_.load();
    int count = epoll_wait(epoll_, events, 64, urgent ? kInsistMilliseconds : kTickMilliseconds);
    if (served_.load()) return;
    if (count < 0 && errno != EINTR) return;
    if (urgent) wake();  // the last one may have come just before the wait
    bool told = false;
    for (int i = 0; i < count; i++) {
      uint64_t tag = events[i].data.u64;
      if (tag == kEnd) return;
      if (tag == kSignals) {
        on_signal();
      } else if (tag == kRing) {
        told = true;
      } else if (tag == kListener) {
        epoll_ctl(epoll_, EPOLL_CTL_DEL, listener_, nullptr);
        gone_.store(true, std::memory_order_release);
        told = true;
      } else {
        std::lock_guard lock(mutex_);
        exits_.push_back(static_cast<pid_t>(tag));
        told = true;
      }
    }
    if (auto now = std::chrono::steady_clock::now(); now >= next_tick) {
      next_tick = now + std::chrono::milliseconds(kTickMilliseconds);
      tick_.store(true);
      told = true;
    }
    if (told) tell();
  }
}

void Watcher::on_signal() {
  signalfd_siginfo info;
  while (read(signals_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    if (info.ssi_signo == SIGCHLD)
      on_child_change();
    else
      pass_on(static_cast<int>(info.ssi_signo), info.ssi_code, static_cast<pid_t>(info.ssi_pid));
  }
}

// Signals of the terminal go to the whole foreground group, the child included; those have no sender.
void Watcher::pass_on(int signal, int code, pid_t sender) {
  if (child_ <= 0 || child_ended_.load() || code > 0 || sender == child_) return;
  if (signal == SIGTTIN || signal == SIGTTOU) return;
  kill(child_, signal);
}

void Watcher::on_child_change() {
  if (child_ <= 0 || child_ended_.load()) return;
  int status = 0;
  pid_t changed;
  while ((changed = waitpid(child_, &status, WNOHANG | WUNTRACED)) == child_) {
    if (WIFSTOPPED(status)) {
      stop_with_child(WSTOPSIG(status));
      continue;
    }
    child_status_.store(status);
    child_ended_.store(true);
    tell();
    return;
  }
}

void Watcher::stop_with_child(int signal) {
  if (signal != SIGTSTP && signal != SIGTTIN && signal != SIGTTOU) return;
  int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (terminal < 0) return;
  bool job = tcgetpgrp(terminal) >= 0;
  close(terminal);
  if (job) kill(getpid(), SIGSTOP);  // the shell's `fg` continues both
}

}  // namespace libguard
