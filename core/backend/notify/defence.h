// SPDX-License-Identifier: Apache-2.0
// Defence: calls by which a guarded process could stop, slow or read its supervisor, which has the same user.
//
// Way:     events -> *verdict*: before any right is looked at; no policy can allow these.
// Thread:  the serving thread only; the caller must be blocked in its call.
// Failure: a target that cannot be told is refused. The supervisor is also non-dumpable (/proc/PID/mem, ptrace).
//
//   kill, tkill, tgkill, sigqueueinfo, pidfd_open, prlimit64, setpriority, sched_*, ptrace, process_vm_*: EPERM if the
//   target is the supervisor (a thread of it, or its process group where the signal cannot be ignored).
//   pidfd_send_signal: the descriptor may be a /proc/PID directory and another thread may swap it: the supervisor
//   fetches it, looks, and sends the signal itself.
#pragma once

#include <linux/seccomp.h>

#include <string_view>

#include "core/backend/notify/task.h"

namespace libguard {

class Defence {
 public:
  Defence();

  // Must calls of this number be shown to aims_at_us()?
  static bool concerns(int nr);
  // Why the call must be refused; empty: it does not touch the supervisor.
  std::string_view aims_at_us(const Thread& thread, const seccomp_data& call) const;

  // Does the caller let us, and nobody else, read its memory? Free for everybody, whatever the policy says of prctl.
  bool admits_us(const Thread& thread, const seccomp_data& call) const;

  // Calls that the supervisor carries out itself once they are allowed.
  bool carries_out(const Thread& thread, const seccomp_data& call) const;
  int64_t carry_out(const Thread& thread, const seccomp_data& call) const;

 private:
  bool is_us(pid_t id, pid_t known_other = 0) const;  // known_other: certainly not us, no look needed
  bool hits_our_group(const Thread& thread, int64_t target) const;
  int64_t send_by_descriptor(const Thread& thread, const seccomp_data& call) const;
  int64_t signal_group(const Thread& thread, int signal) const;

  const pid_t pid_;
};

// A copy of descriptor `fd` of the process, close-on-exec; -1: it has none, or it may not be taken.
int copy_descriptor(const Process& process, int fd);
// Address family of the socket behind `fd` of the process; 0xffff: not a socket, or it cannot be told.
uint32_t socket_family(const Process& process, int fd);

}  // namespace libguard
