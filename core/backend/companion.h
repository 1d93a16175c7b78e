// SPDX-License-Identifier: Apache-2.0
// Companion: a second mechanism beside the notify backend, which judges some rights of the same tasks by itself.
//
// Way:     *events -> stack*: told what only the supervisor knows; asks it for names.
// Thread:  the serving thread only, but for wake_fd().
// Failure: what could not be handed over makes calls `unknown` there, and is counted.
#pragma once

#include <functional>

#include "core/backend/backend.h"
#include "core/backend/walk/process_memory.h"

namespace libguard {

struct CompanionProgram {
  pid_t pid;
  uint32_t program;  // index for Call::program
  LibraryId library;
  bool language_runtime;  // {startup} until its hello
  bool embeds;            // where its runtime has no frame, it is its executable's library
  LibrarySet spawners;
};

class Companion {
 public:
  // "module.qualname" of a function of a guarded process; "" if it cannot be told any more.
  using Namer = std::function<std::string(pid_t pid, uint32_t function)>;
  // Looks at the program of a process that has made an exec: calls on_program. Else that comes with its first notified
  // call, which may be long after its first one.
  using Looker = std::function<void(pid_t pid)>;

  virtual ~Companion() = default;
  // Rights that it judges and records: they are not asked about anywhere else.
  virtual const RightSet& rights() const = 0;

  // The first process, before it goes on. `door`: our own child, whose next exec is the program.
  virtual Status begin(pid_t pid, bool door, Namer namer, Looker looker) = 0;
  virtual void on_program(const CompanionProgram& program) = 0;
  virtual void on_hello(pid_t pid, ProcessMemory& memory, const lg_hello& hello) = 0;
  virtual void on_phase(pid_t pid, uint32_t phase) = 0;
  virtual void on_handoff(pid_t tid, const lg_handoff& handoff) = 0;  // noted == 0: none in force
  virtual void on_rules() = 0;                                        // rows of the matrix have changed

  virtual int wake_fd() const = 0;  // readable when there is something to drain
  virtual void drain() = 0;         // what was seen for the first time
  virtual void settle() = 0;        // counts since the last time; now and then, and at the end
  virtual Counters counters() const = 0;
};

}  // namespace libguard
