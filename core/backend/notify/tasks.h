// SPDX-License-Identifier: Apache-2.0
// Tasks: the state machine of guarded programs, processes and threads: thread start, fork, vfork, exec, exit.
//
// Way:     *events* -> stack: every notified call starts with "who is this?".
// Thread:  the serving thread only; the thread asked about must be blocked in its call.
// Failure: a task whose maker is not found inherits `unknown`; a program that cannot be described is `unknown`.
//
// The orders that count: a new thread or fork child registers its robust list before anything else; a vfork child has
// none and runs on its maker's memory; a new image makes calls (the loader opens files) before it registers one; an
// exec that fails changes nothing, and that shows only at the next call of the same thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/backend/companion.h"
#include "core/backend/notify/task.h"

namespace libguard {

class Tasks {
 public:
  // `watch` is told the pidfd of each new process, so that its end is noticed. `companion` may be null.
  Tasks(Handler& handler, NotifyCounters& counters, Companion* companion, std::function<void(pid_t, int)> watch);

  // Known thread, or null. The hot path.
  Thread* find(pid_t tid) const {
    auto at = threads_.find(tid);
    return at == threads_.end() ? nullptr : at->second.get();
  }
  // The thread of a call; made known if it is not. Null: it is gone.
  Thread* meet(pid_t tid);

  // The child of the parent door, which will exec the first program; or a process that runs already.
  Status adopt_door(pid_t pid);
  Status adopt_running(pid_t pid);

  // set_robust_list. False: a living thread that has one already (refuse it).
  bool on_robust_list(pid_t tid, uint64_t head);
  // A thread, fork or vfork that is about to be let through. `note` is what the new task goes on with.
  void on_new_thread(Thread& maker, uint64_t tls, const StackNote& note);
  void on_fork(Thread& maker, bool confined, const StackNote& note);
  void on_vfork(Thread& maker, uint64_t child_stack, const StackNote& note);
  // A thread that makes a call has no vfork child any more: it waits until that is done.
  void end_vfork(Thread& maker);
  // An exec that is about to be let through; `spawners` are added to those of the program if it succeeds.
  void on_exec(Thread& thread, const LibrarySet& spawners, uint16_t maker);
  // At each call of a process with pending execs: has one of them happened? The thread may be new afterwards.
  Thread* settle_exec(Thread& thread);
  // The process ended; nothing is guarded any more.
  void on_exit(pid_t pid);
  void end_all();
  std::vector<pid_t> pids() const;  // of all processes

  // Makes the walker of a greeted program in this process. Error: version or memory do not fit.
  Status greet(Process& process, const lg_hello& hello);

  size_t processes() const { return processes_.size(); }
  size_t threads() const { return threads_.size(); }
  Process* process(pid_t pid) const;
  // Of all walkers, the ended ones included.
  struct Walks {
    WalkCounts walks;
    CodeCounts codes;
    void add(const PythonWalker& walker);
  };
  Walks walk_counts() const;

 private:
  Thread& add_thread(Process& process, pid_t tid, uint64_t robust);
  Process* add_process(pid_t pid, const TaskStatus& status, uint64_t head);
  void begin_reading(Process& child, const Process* parent, bool borrowed);
  void open_descriptors(Process& process);
  void begin_program(Process& process, const ImageId& image, const LibrarySet& spawners, uint32_t parent);
  ProgramBirth describe(const Process& process, uint32_t parent);
  bool foreign_environment(pid_t pid);
  bool take_fork(Thread& child, Process* parent, uint64_t head);
  bool take_vfork(Thread& child, Process* parent);
  Process* expecting(pid_t tid, uint64_t head);
  void inherit_thread(Thread& thread, uint64_t head);
  void sweep(Process& process);
  void retire(Process& process);  // its walker's counts are kept
  void drop_process(pid_t pid);
  void drop_thread(pid_t tid);
  void keep_orphans(Process& process);

  Handler& handler_;
  NotifyCounters& counters_;
  Companion* const companion_;
  std::function<void(pid_t, int)> watch_;
  std::unordered_map<pid_t, std::unique_ptr<Thread>> threads_;
  std::unordered_map<pid_t, std::unique_ptr<Process>> processes_;
  Walks retired_;
  std::vector<std::weak_ptr<Program>> programs_;
  std::vector<ForkNote> orphans_;  // of makers that ended or exec'ed before their child was met; bounded
  // LD_PRELOAD, LD_AUDIT, LD_LIBRARY_PATH of the first program: what the guard itself brought along.
  std::unordered_map<std::string, std::string> own_environment_;
  bool environment_known_ = false;
};

}  // namespace libguard
