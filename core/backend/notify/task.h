// SPDX-License-Identifier: Apache-2.0
// Program, Process, Thread: what the supervisor remembers about the guarded tasks between their calls.
//
// Way:     *events* -> stack: births fill these, subjects are made from them.
// Thread:  the serving thread only.
// Failure: plain data; what is not known is said as `unknown` in a set, never left empty.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bpf/abi.h"
#include "core/backend/backend.h"
#include "core/backend/notify/native_map.h"
#include "core/backend/notify/proc.h"
#include "core/backend/walk/names.h"
#include "core/backend/walk/process_memory.h"
#include "core/backend/walk/python_walk.h"

namespace libguard {

// One executable from exec to exec; shared by the processes that forked from it.
struct Program {
  ImageId image;
  uint32_t index = kNoProgram;  // the guard's number for it
  LibraryId library = LibraryId::kUnknown;
  bool language_runtime = false;
  bool embeds = false;  // a program of its own (uwsgi, gdb) that holds a runtime: where that has no frame, it is itself
  bool door = false;    // our own child between filter and first exec
  LibrarySet spawners;
  uint16_t author = LG_UNKNOWN;     // of its command line: the library whose Python code started it
  bool bytecode_elsewhere = false;  // it was started with a directory of its own for bytecode
  bool greeted = false;             // said hello
  lg_hello hello{};
  bool pushes() const { return greeted && hello.runtime != LG_RUNTIME_CPYTHON; }
  bool handles_breakpoints = false;  // its client does
  uint64_t breakpoint = 0;           // at the function with which it begins to serve; 0: none
  uint8_t instruction = 0;           // the byte that stood there
  uint64_t call_site = 0;            // of the hello; later marker calls must come from here
};

// Whose work a new task goes on with: the stack, what it inherits, the hand-off in force.
struct StackNote {
  lg_stack stack{};
  LibrarySet inherited;
  uint16_t maker = 0;  // of the thread that is noted
  lg_handoff handoff{};
  uint32_t handoff_id = 0;
  std::vector<lg_code_entry> frames;  // vfork: to name the maker's frames
  lg_area area{};
};

// Who called when a task is made from here: the innermost library, the submitter of a hand-off, or who made the maker.
uint16_t maker_from(const lg_stack& stack, const lg_handoff& handoff, uint16_t maker);

struct Process;

struct Thread {
  pid_t tid = 0;
  Process* process = nullptr;
  uint64_t robust = 0;   // head of its robust list; 0: none seen
  uint64_t met_at = 0;   // clock ticks: it had started by then; what has its number and started later is another
  LibrarySet inherited;  // its maker's active and inherited libraries
  uint16_t maker = 0;    // caller when it was made, or when its program was started; 0: not known
  ThreadCache cache;
  std::unique_ptr<StackNote> borrowed;  // vfork child: its maker's stack, until exec
  lg_handoff handoff{};                 // in force
  uint32_t handoff_id = 0;
};

// A fork or vfork that was let through and whose child has not been met yet.
struct ForkNote {
  pid_t maker = 0;
  uint64_t robust = 0;  // the child registers the same address: its memory is a copy
  uint64_t sp = 0;      // vfork: stack of the child, or of the maker
  uint32_t outstanding = 0;
  std::shared_ptr<Program> program;
  uint32_t phase = LG_INIT;
  bool confined = false;
  StackNote note;
};

struct PendingExec {
  pid_t tid = 0;
  LibrarySet spawners;
  uint16_t maker = 0;
};

constexpr int kNoMask = -1, kSharesMask = -2;  // not read yet; other processes may change it at any time
constexpr int8_t kChangesRights = -2;          // it made a call that changes them: look every time

struct Process {
  pid_t pid = 0;
  pid_t own_pid = 0;  // as it sees itself
  int pidfd = -1;
  std::shared_ptr<Program> program;
  std::unique_ptr<ProcessMemory> memory;
  std::unique_ptr<PythonWalker> walker;
  std::unique_ptr<Names> names;
  NativeMap native;
  uint32_t phase = LG_INIT;
  bool listens = false;       // it, or whose fork it is, called listen
  bool filter_asked = false;  // to put the filter of those that serve on itself
  bool filter_on = false;
  bool confined = false;    // it restricted itself (Landlock, namespaces): the supervisor opens nothing in its place
  uint32_t layers = 0;      // rulesets of the shield that it is under: Shield::layer()
  uint32_t offered = 0;     // generation of the ruleset that it was given and has not told of yet; 0: none
  int8_t same_rights = -1;  // has it the supervisor's own users, groups and capabilities? -1: look, or kChangesRights
  int mask = kNoMask;       // umask, as its calls have left it
  std::vector<PendingExec> execs;
  std::vector<ForkNote> forks, vforks;
  struct Unborn {
    LibrarySet inherited;
    uint16_t maker = 0;
  };
  std::map<uint64_t, Unborn> unborn;  // by the tls of threads being made
  std::unordered_map<uint32_t, lg_handoff> handoffs;
  std::unordered_set<pid_t> tids;
  size_t sweep_at = 64;  // look for ended threads when there are this many
  ~Process();
};

// What the backend counts; shown at the end of a run.
struct NotifyCounters {
  uint64_t calls = 0, judged = 0, refused = 0, births = 0, programs = 0;
  uint64_t died_waiting = 0;    // targets that ended while they waited
  uint64_t unmet = 0;           // callers that could not be looked at, and were refused
  uint64_t unknown_makers = 0;  // tasks whose maker was not found
  uint64_t unknown_images = 0;  // programs that could not be described
  uint64_t no_hello = 0;        // judged calls of a language runtime before its hello
  uint64_t tampers = 0;
  uint64_t handoffs_lost = 0;
  uint64_t scans = 0, scans_failed = 0;
  uint64_t pushes_unread = 0;  // stacks of pushing programs that could not be read: `unknown`
  uint64_t pushes_lost = 0;    // calls in a state that found no room: all libraries
  // Opens for writing: carried out by the supervisor; by the kernel, behind the shield; by the kernel, raced.
  uint64_t opens_emulated = 0, opens_shielded = 0, opens_raced = 0;
  uint64_t unshielded = 0;        // programs that could not put on the Landlock ruleset
  uint64_t descriptors_lost = 0;  // pidfds or memory descriptors that could not be opened
};

}  // namespace libguard
