// SPDX-License-Identifier: Apache-2.0
// Watcher: the second thread: ends of processes, the end of all, signals for the parent door's child, once a second.
//
// Way:     *events*: beside the serving thread, which it wakes.
// Thread:  its own; exits() and ticked() are read by the serving thread.
// Failure: no thread: start() says so, nothing is served; a wake-up that is lost is repeated.
//
// Signals: the parent door is like strace. Signals of the terminal reach the child by themselves and are held off
// here; those that somebody sent to the supervisor (kill PID) are passed on. When the child is stopped by the terminal
// the supervisor stops too, so that the shell sees the job stop.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "core/base/result.h"

namespace libguard {

class Watcher {
 public:
  // REQUIRES: constructed on the serving thread, which gets all signals but the wake-up blocked.
  // child: 0 if the guarded process is not ours.
  Watcher(int listener, pid_t child);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  Status start();
  void watch(pid_t pid, int pidfd);  // any thread
  void watch_ring(int fd);           // a companion's: something to drain wakes the serving thread

  // Takes what has happened since the last time. Cheap when nothing has.
  bool pending() const { return pending_.load(std::memory_order_acquire); }
  std::vector<pid_t> take_exits();
  bool take_tick() { return tick_.exchange(false); }
  bool gone() const { return gone_.load(std::memory_order_acquire); }

  void wake();  // interrupts the serving thread's wait; any thread
  // The serving thread is done: no more wake-ups. all_ended: no guarded task is left, so the child's status is waited
  // for.
  void served(bool all_ended);

  bool child_ended() const { return child_ended_.load(); }
  int child_status() const { return child_status_.load(); }

  // Repeats the wake-up until served(); for stop().
  void insist() {
    insist_.store(true);
    wake();
  }

 private:
  void run();
  void end_thread();
  void on_signal();
  void on_child_change();
  void pass_on(int signal, int code, pid_t sender);
  void stop_with_child(int signal);
  void tell();

  const int listener_;
  const pid_t child_;
  const pthread_t serving_;
  sigset_t before_;
  int epoll_ = -1, signals_ = -1, end_ = -1;
  std::thread thread_;
  std::mutex mutex_;  // guards exits_
  std::vector<pid_t> exits_;
  std::atomic<bool> pending_{false}, tick_{false}, gone_{false}, served_{false}, child_ended_{false}, insist_{false};
  std::atomic<int> child_status_{0};
};

}  // namespace libguard
