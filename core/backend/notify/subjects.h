// SPDX-License-Identifier: Apache-2.0
// Subjects: whom a call is judged as: the thread's stack, what it inherited, native code on it, spawners, hand-off.
//
// Way:     events -> *stack* -> verdict.
// Thread:  the serving thread only; the thread must be blocked in its call. No allocation on the way of a judged call.
// Failure: whatever could not be seen is `unknown` in the set, with its LG_STACK_* flag.
#pragma once

#include <string_view>
#include <vector>

#include "core/backend/backend.h"
#include "core/backend/notify/task.h"

namespace libguard {

class Subjects {
 public:
  Subjects(Handler& handler, NotifyCounters& counters);

  // The stack alone: for hand-offs, new threads, forks.
  void stack(Thread& thread, lg_stack* out) { stack(thread, true, out); }
  // All that a verdict needs. `dangerous`: the right is in a dangerous group.
  void subject(Thread& thread, bool dangerous, lg_subject* out);
  // What a task made by this thread goes on with.
  void note(Thread& thread, StackNote* out);
  // The same with its frames, for a vfork child that will exec in its name.
  void note_frames(Thread& thread, StackNote* out);
  // Tells the handler of an attempt, and who was on the stack.
  void tell_tamper(Thread& thread, Right right, int nr, std::string_view what, std::string_view path,
                   std::string_view detail = {}, bool refused = true);
  // Who counts as spawner of the program that this thread execs.
  LibrarySet spawners(const lg_subject& subject) const;
  // pthread_self of the thread; 0: not known.
  uint64_t thread_pointer(Thread& thread) const;

  // Names the frames of the last stack() or subject() of this thread.
  std::vector<Frame> frames(Thread& thread, const lg_stack& stack);

 private:
  void stack(Thread& thread, bool dangerous, lg_stack* out);
  void walk(Thread& thread, lg_stack* out);
  void pushed(Thread& thread, bool dangerous, lg_stack* out);
  static std::vector<Frame> pushed_frames(Process& process, const lg_stack& stack);
  void scan(Thread& thread, lg_set* out);
  uint16_t maker_of(Thread& thread, const lg_stack& stack);

  Handler& handler_;
  NotifyCounters& counters_;
  NativeMap::Owner owner_;
};

// Reads the frames of one subject when the handler asks.
class SubjectFrames final : public FrameReader {
 public:
  SubjectFrames(Subjects& subjects, Thread& thread, const lg_stack& stack)
      : subjects_(subjects), thread_(thread), stack_(stack) {}
  std::vector<Frame> frames() override { return subjects_.frames(thread_, stack_); }

 private:
  Subjects& subjects_;
  Thread& thread_;
  const lg_stack& stack_;
};

}  // namespace libguard
