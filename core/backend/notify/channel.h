// SPDX-License-Identifier: Apache-2.0
// Channel: the marker calls by which the client inside a guarded program speaks to the supervisor.
//
// Way:     *events* -> stack: hello, resolve, runtime operations, hand-offs, phase.
// Thread:  the serving thread only.
// Failure: a marker call from anywhere but the client, or with another nonce, is refused with EPERM and told as tamper.
#pragma once

#include <linux/seccomp.h>

#include <functional>
#include <string>

#include "core/backend/backend.h"
#include "core/backend/notify/function_start.h"
#include "core/backend/notify/shield.h"
#include "core/backend/notify/subjects.h"
#include "core/backend/notify/tasks.h"

namespace libguard {

class Channel {
 public:
  // Judges one runtime operation of a blocked thread.
  using Judge = std::function<Decision(Thread&, Right, const uint64_t* args)>;

  // `companion` may be null.
  Channel(Tasks& tasks, Subjects& subjects, Handler& handler, NotifyCounters& counters, Companion* companion,
          const Shield& shield, const FunctionStart& function, std::string client_path, Judge judge);

  static constexpr uint32_t kMaxHandoffs = 65536;  // noted and not yet released, per process

  struct Answer {
    int64_t value = 0;  // what the call returns; negative: -errno
    bool kill = false;
    int descriptor = -1;  // >= 0: what the caller is given a copy of instead of `value`
  };
  // REQUIRES: `call` is prctl with LG_PRCTL.
  Answer answer(Thread& thread, const seccomp_data& call);

 private:
  int64_t hello(Thread& thread, const seccomp_data& call);
  int64_t resolve(Thread& thread, uint64_t address);
  Answer operation(Thread& thread, const seccomp_data& call);
  int64_t note_handoff(Thread& thread);
  int64_t enter_handoff(Thread& thread, uint32_t id);
  int64_t phase(Thread& thread, uint64_t wanted);
  int64_t self_check(Thread& thread, uint64_t address);
  int64_t function(Thread& thread, uint64_t step, uint64_t address);
  Answer ruleset(Process& process, uint64_t step, uint64_t error);
  bool from_client(pid_t pid, uint64_t address) const;
  int64_t refuse(Thread& thread, std::string_view what);

  Tasks& tasks_;
  Subjects& subjects_;
  Handler& handler_;
  NotifyCounters& counters_;
  Companion* const companion_;
  const Shield& shield_;
  const FunctionStart& function_;
  const std::string client_path_;
  const Judge judge_;
  uint32_t next_handoff_ = 1;
};

}  // namespace libguard
