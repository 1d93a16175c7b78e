// SPDX-License-Identifier: Apache-2.0
// Backend: a way to see and stop calls on this kernel. It makes subjects; the guard decides.
//
// Way:     *events -> stack* -> verdict -> *action*: sees the call, walks the stack, carries the answer out.
// Thread:  all Handler functions are called from the backend's one serving thread.
// Failure: start() says which right cannot be denied; losses are counters, never silence.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "core/base/result.h"
#include "core/library/library.h"
#include "core/library/tree.h"
#include "core/rights/rights.h"

namespace libguard {

// One frame for people, innermost first.
struct Frame {
  LibraryId library;
  uint32_t function;  // FNV-1a of "module.qualname"; 0: no cell
  std::string name;   // "module.qualname"; "" if it has none
};

// Reads what is only needed for learning and events; valid during one Handler::decide.
class FrameReader {
 public:
  virtual ~FrameReader() = default;
  virtual std::vector<Frame> frames() = 0;
};

struct Call {
  pid_t pid, tid;    // as the supervisor sees them
  uint32_t program;  // index given by Handler::on_program
  Right right;
  int nr;  // system call number; -1: runtime operation
  uint64_t args[6];
  const lg_subject* subject;
  FrameReader* reader;
  uint64_t count = 1;  // calls alike that this one stands for
  bool waits = true;   // its thread waits for the answer; false: told of later
};

struct Decision {
  enum Kind : uint8_t { kAllow, kRefuse, kKill } kind = kAllow;
  int error = 0;  // errno of kRefuse
};

// What the supervisor found out about a program at its birth.
struct ProgramBirth {
  pid_t pid;
  std::string executable;  // real path
  std::string invoked_as;  // argv[0] resolved, or executable
  std::vector<std::string> arguments;
  bool foreign_environment;  // LD_PRELOAD, LD_AUDIT or LD_LIBRARY_PATH unlike the guard's
  bool language_runtime;     // recognised runtime: {startup} until its hello
  bool embeds;               // it is a program of its own that holds a runtime
  bool bytecode_elsewhere;   // told by who started it: bytecode lies in a directory of its own
  uint32_t parent_program;   // program that exec'ed it; kNoProgram for the first one
};

struct ProgramInfo {
  uint32_t program;   // index for Call::program
  LibraryId library;  // of the executable; kUnknown for a foreign environment
};

// An attempt to get around the guard, refused except for writes to protected paths where these are not.
struct Tamper {
  pid_t pid, tid;
  uint32_t program;  // ProgramInfo::program; kNoProgram if it is not known
  Right right;
  int nr;                     // system call number
  const lg_subject* subject;  // who was there; valid, as `reader`, during Handler::on_tamper
  FrameReader* reader;
  std::string_view what;      // "marker call from outside the client", "signal to the supervisor", …
  std::string_view path;      // of a protected file; else empty
  std::string_view detail{};  // for the message; attempts that differ only in it count as one
  bool refused = true;
};
inline constexpr uint32_t kNoProgram = ~0u;

// What the guard answers; implemented by core/guard.cc.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Decision decide(const Call& call) = 0;
  virtual ProgramInfo on_program(const ProgramBirth& birth) = 0;
  virtual void on_hello(uint32_t program, const lg_hello& hello, std::string_view image) = 0;
  // What the client is told at its hello: 0 or LG_HELLO_ENFORCE.
  virtual int64_t hello_answer() { return 0; }
  // Real paths of files and directories that nobody may change; asked at the start and after each hello, which may
  // make code directories known.
  virtual std::vector<std::string> protected_paths() { return {}; }
  // Real paths of directories below protected ones that hold data: what lies there may be changed. Always the same.
  virtual std::vector<std::string> data_directories() { return {}; }
  // LG_RESOLVED(...). `opened`: the file whose bytes were read, if any: the path must lead to it.
  virtual uint64_t resolve(uint32_t program, uint32_t kind, std::string_view path, FileIdentity opened) = 0;
  virtual std::string module_name(uint32_t module_hash) = 0;
  // Purl of a library; "" for a number that was not given out.
  virtual std::string library_name(LibraryId) { return {}; }
  // Owner of an executable mapping; false: transparent, names nobody.
  virtual bool native_owner(std::string_view mapping_path, LibraryId* owner) = 0;
  // A process, or a new program in it, both in phase init; `forked`: of the same program as its parent, in its phase.
  virtual void on_birth(pid_t, bool /*forked*/) {}
  virtual void on_exit(pid_t pid) = 0;
  virtual void on_phase(pid_t pid, uint32_t phase) = 0;
  // It is about to listen on a socket, or is the fork of one that does; told where `listen` is notified.
  virtual void on_listen(pid_t) {}
  // While recording: it listens, and is about to wait. Does it serve from here on?
  virtual bool on_wait(pid_t) { return false; }
  // Something tried to get around the guard: a forged marker call, a call aimed at the supervisor,
  // a write to a protected path, a second robust list. What is done about the call is settled; this is for the events.
  virtual void on_tamper(const Tamper&) {}
  // Where writes to protected paths are not refused: is there to be a Tamper of this one?
  virtual bool on_protected_write(std::string_view /*path*/) { return false; }
  // `changed` is called whenever rows of the matrix have changed, before anybody new is judged by them.
  virtual void watch_rules(std::function<void()> changed) { (void)changed; }
  // A process that serves has put the filter of BackendOptions::killed on itself; `trouble`: why it has not; or it
  // ended by it.
  enum class FilterFact : uint8_t { kOn, kNotOn, kEndedBy };
  virtual void on_filter(pid_t, FilterFact, std::string_view /*trouble*/) {}
  // What a user wants to hear of: something that he asked for could not be had in this process.
  virtual void on_trouble(pid_t, std::string_view /*trouble*/) {}
  // About once per second while anything is guarded.
  virtual void on_tick() {}
};

using Counters = std::map<std::string, uint64_t>;  // "unknown_frames", "faults", "truncated", "no_state", …

}  // namespace libguard
