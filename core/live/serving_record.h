// SPDX-License-Identifier: Apache-2.0
// ServingRecord: what each recorded program had on its stacks when it began to serve, and which functions ran since.
//
// Way:     events -> *profile*: from where static analysis of the serving phase starts.
// Thread:  the serving thread; a thread whose call is noted must be waiting for its answer.
// Failure: stacks that cannot be followed to their end are counted; what was read of them counts.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "core/backend/backend.h"
#include "core/live/native_stack.h"
#include "core/profile/profile.h"

namespace libguard {

class ServingRecord {
 public:
  // `own`: libguard's client, which is no part of the program; may be empty.
  explicit ServingRecord(std::string own) : own_(std::move(own)) {}

  // The process goes over to serving: reads the stacks of its threads and the pointers in its memory.
  void on_serving(pid_t pid);
  // A call, in any phase. One whose thread does not wait has no stack any more.
  void on_call(const Call& call, const std::string& executable);
  // A new program in the process, or its end.
  void forget(pid_t pid);

  const std::map<std::string, Profile::Serving>& programs() const { return programs_; }  // by executable
  uint64_t broken_stacks() const { return broken_.size(); }  // kinds, by where they could not be followed

 private:
  struct Process {
    Process(pid_t pid, LiveFiles& files) : space(pid, files), memory(pid) {}
    AddressSpace space;
    ProcessMemory memory;
    std::unordered_map<pid_t, std::vector<NativeFrame>> began;  // by thread: its stack when serving began
  };
  Process& process_of(pid_t pid);
  void note_handler(const Call& call, const std::string& executable);
  size_t standing(const Process& process, const Call& call, const std::vector<NativeFrame>& frames) const;
  void note_broken(const NativeStack& stack);

  void add_function(const LiveFile& file, uint64_t address, Profile::Serving& serving) const;

  const std::string own_;
  LiveFiles files_;
  std::unordered_map<pid_t, std::unique_ptr<Process>> processes_;
  std::map<std::string, Profile::Serving> programs_;
  std::set<std::pair<std::string, uint64_t>> broken_;
};

}  // namespace libguard
