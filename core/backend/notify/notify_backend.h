// SPDX-License-Identifier: Apache-2.0
// NotifyBackend: serves the notified calls of one guard: one thread that receives, judges and answers.
//
// Way:     *events -> stack* -> verdict -> *action*.
// Thread:  serve() is the serving thread: it calls every Handler function. A second thread only watches for ends and
//          signals. stop() from any thread.
// Failure: what cannot be seen is `unknown` in the subject; a caller that died is counted; the supervisor's own end
//          leaves the guarded calls refused (ENOSYS).
//
//   NotifyBackend backend(options, guard);
//   force_notify(outcomes);  make_filter(...);  spawn_guarded(...);
//   backend.start_door(listener, child.pid)  or  backend.start_running(listener, pid);
//   child.go();  backend.serve(&door);
#pragma once

#include <linux/seccomp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/backend/backend.h"
#include "core/backend/backend_options.h"
#include "core/backend/companion.h"
#include "core/backend/notify/channel.h"
#include "core/backend/notify/defence.h"
#include "core/backend/notify/listener.h"
#include "core/backend/notify/paths.h"
#include "core/backend/notify/process_filter.h"
#include "core/backend/notify/shield.h"
#include "core/backend/notify/subjects.h"
#include "core/backend/notify/tasks.h"
#include "core/backend/notify/traits.h"
#include "core/backend/notify/watcher.h"

namespace libguard {

class NotifyBackend {
 public:
  NotifyBackend(BackendOptions options, Handler& handler);
  ~NotifyBackend();

  // The Landlock ruleset for the child of spawn_guarded(); -1: none.
  int ruleset() const { return shield_.ruleset(); }
  // Owns `listener`. The child of spawn_guarded(), still waiting for its go. shielded: it is under ruleset().
  Status start_door(int listener, pid_t child, bool shielded = false);
  // Owns `listener`. A running process that installed the filter itself.
  Status start_running(int listener, pid_t pid);

  // Until the last guarded task has ended, or stop().
  void serve();
  void stop();

  // Of the parent door's child, once it has ended.
  bool child_ended() const { return watcher_ && watcher_->child_ended(); }
  int child_status() const { return watcher_ ? watcher_->child_status() : 0; }  // as waitpid gives it

  Counters counters() const;  // causes with a count above 0
  uint64_t calls() const { return counts_.calls; }
  uint64_t notified(int nr) const { return notified_[static_cast<uint32_t>(nr) & 511]; }  // calls of this number
  size_t processes() const { return tasks_.processes(); }
  size_t threads() const { return tasks_.threads(); }
  // The phase of a process, from outside (`libguard phase`). Takes effect at its next call. Any thread.
  void request_phase(pid_t pid, uint32_t phase);
  // Ends every guarded process (`libguard end`). Any thread.
  void request_end();
  const Shield& shield() const { return shield_; }

 private:
  void adopt(int listener, pid_t child);
  Status begin(pid_t pid, bool door);
  void handle(const seccomp_notif& call);
  void handle_known(Thread& thread, const seccomp_notif& call);
  void handle_robust_list(const seccomp_notif& call);
  void refuse_entry(Thread& thread, const seccomp_notif& call);
  void settle_shield();
  void handle_marker(Thread& thread, const seccomp_notif& call);
  void handle_door(Thread& thread, const seccomp_notif& call);
  Decision judge(Thread& thread, uint16_t right, int nr, const uint64_t* args);
  bool is_judged(const Thread& thread, uint16_t right) const;
  uint16_t classify(const Thread& thread, const seccomp_data& call) const;
  void before_pass(Thread& thread, const seccomp_data& call);
  void note_clone(Thread& thread, const seccomp_data& call);
  void carry_on(Thread& thread, const seccomp_notif& call);
  void refuse(Thread& thread, const seccomp_notif& call, const Decision& decision);
  void tell_write(Thread& thread, const seccomp_notif& call, const Paths::Outcome& outcome);
  void tamper(Thread& thread, const seccomp_notif& call, std::string_view what, std::string_view path);
  bool puts_on_shield(const Thread& thread, const seccomp_data& call) const;
  void set_phase(Process& process, uint32_t phase);
  void note_listening(Process& process, int nr);
  Status start_filter();
  void ask_filter(Process& process, bool forked);
  void settle_filters();
  void tell_ended(pid_t pid);
  void answered(bool delivered);
  void drain();
  std::string function_name(pid_t pid, uint32_t function);

  BackendOptions options_;
  Handler& handler_;
  NotifyCounters counts_;
  Tasks tasks_;
  Subjects subjects_;
  Defence defence_;
  Shield shield_;
  Paths paths_;
  FunctionStart function_;
  Channel channel_;
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<ProcessFilter> filter_;  // outlived by whom it wakes; what it waits for ends with the listener
  std::unique_ptr<Listener> listener_;
  uint64_t notified_[512] = {};
  uint8_t traits_[512] = {};  // what a call of this number needs besides a verdict
  bool dangerous_[LG_MAX_RIGHTS] = {};
  lg_subject subject_{};  // of the call being handled
  bool has_subject_ = false;
  uint64_t current_ = 0;  // id of the call being handled
  pid_t door_child_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> requested_{false};
  std::atomic<bool> ending_{false};
  std::mutex mutex_;  // guards phases_
  std::vector<std::pair<pid_t, uint32_t>> phases_;
};

}  // namespace libguard
