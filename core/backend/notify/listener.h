// SPDX-License-Identifier: Apache-2.0
// Listener: the descriptor through which the kernel asks about notified calls and takes the answers.
//
// Way:     *events* -> stack -> verdict -> *action*.
// Thread:  the serving thread only, but for gone().
// Failure: a target that died while it waited is an outcome (false), not an error.
#pragma once

#include <linux/seccomp.h>

#include <cstdint>

namespace libguard {

class Listener {
 public:
  explicit Listener(int fd);  // owns it
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The calling thread is the serving thread from now on. From Linux 6.12 it asks for short turns, which anybody may:
  // woken by a call, it runs before threads with longer ones, for which it would have to wait milliseconds on a busy
  // machine.
  static void begin_serving();

  enum class Received { kCall, kNothing, kClosed };
  // Waits for the next call; kNothing: interrupted by a signal, or the caller died meanwhile.
  Received receive();
  const seccomp_notif& call() const { return buffer_.call; }  // the last one received

  // Is the thread behind `id` still waiting? After true, what was read about it before was read about it.
  bool waiting(uint64_t id) const;

  bool pass(uint64_t id);                   // the kernel carries the call out
  bool refuse(uint64_t id, int error);      // error: positive errno
  bool answer(uint64_t id, int64_t value);  // the call returns `value` and is not carried out
  // Gives the caller a copy of `fd`; its number is the call's return value. 0, or the errno why not.
  int answer_descriptor(uint64_t id, int fd, bool close_on_exec);

  // Has the last guarded task ended? Any thread.
  bool gone() const;
  int fd() const { return fd_; }

 private:
  void follow_load();
  bool send(uint64_t id, int64_t value, int error, uint32_t flags);
  int fd_;
  int load_ = -1;  // /proc/loadavg; -1: the kernel has no choice of CPUs for us
  uint32_t calls_ = 0;
  double runnable_ = 1;  // threads of the machine that run or wait for a CPU, smoothed
  bool on_callers_cpu_ = true;
  const double cpus_;
  union {
    seccomp_notif call;
    char room[512];  // newer kernels may say more than this header knows
  } buffer_;
};

}  // namespace libguard
