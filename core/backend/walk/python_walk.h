// SPDX-License-Identifier: Apache-2.0
// PythonWalker: the stack of a blocked thread of one CPython program, read from outside.
//
// Way:     events -> *stack* -> verdict: walk() fills the lg_stack that the judge reads.
// Thread:  the serving thread only; the walked thread must be blocked in a notified call during walk() and frames().
// Failure: never silent: LG_STACK_* flags, and `unknown` in the set wherever a frame could not be seen or named.
//
//   auto walker = PythonWalker::create(memory, hello);           one per program, at its hello
//   Walked seen = walker->walk(tid, fs, thread_cache, &stack);    at each judged call
#pragma once

#include <memory>
#include <vector>

#include "bpf/abi.h"
#include "bpf/walk_cpython.h"
#include "core/backend/walk/code_table.h"
#include "core/backend/walk/frame_pages.h"
#include "core/backend/walk/own_word.h"
#include "core/backend/walk/process_memory.h"
#include "core/backend/walk/thread_states.h"
#include "core/base/result.h"

namespace libguard {

// What the walker remembers about one thread between its calls. Start a new one at each birth of a thread.
struct ThreadCache {
  uint64_t state = 0;                        // its only thread state; 0: search
  uint64_t link = 0;                         // address of the pointer that must point to it while it is linked
  uint64_t interpreters = 0;                 // head of the list of interpreters when there was only one
  UsedBytes pages[FramePages::kRemembered];  // that the last call's walk used, innermost first
  uint32_t page_count = 0;
  bool had_state = false;  // a later NO_STATE means that the thread is ending
};

enum class Walked : uint8_t {
  kStack,       // `out` is filled; look at its flags
  kOtherImage,  // the program area is not there any more: the process has exec'ed. `out` is {unknown}
  kUnreadable,  // the process may not be read, or is gone. `out` is {unknown}
};

struct WalkCounts {
  uint64_t walks = 0, frames = 0;
  uint64_t searches = 0, retries = 0;  // of the lists of thread states
  uint64_t named = 0;                  // states that the threads' own words named: no search
  uint64_t no_state = 0, faults = 0, truncated = 0;
};

class PythonWalker {
 public:
  // Fails if the version is unknown, or if `hello` does not fit what is in memory. Keeps a reference to `memory`.
  static Result<std::unique_ptr<PythonWalker>> create(ProcessMemory& memory, const lg_hello& hello);
  // Same program after fork, read through the child's memory. Nothing cached is taken over: the epochs part here.
  std::unique_ptr<PythonWalker> forked(ProcessMemory& child) const;
  ~PythonWalker();

  // The stack of thread `tid`, whose pthread_self is `fs`.
  // NO_STATE: the set is empty (a thread before or after its life in Python: judge it by what it inherited).
  // FAULT, TRUNCATED, UNKNOWN: `unknown` is in the set; caller and direct are unknown where they could not be seen.
  // No flag and depth 0: the thread has a state and no frame (start and end of the interpreter, atexit in C).
  // Frames in several interpreters on one thread: all of them; up to 3.9, where nothing tells which is the innermost
  // (and which thread runs a sub-interpreter that another one made), caller and direct are unknown.
  Walked walk(pid_t tid, uint64_t fs, ThreadCache& cache, lg_stack* out);

  // Every frame of the last walk, innermost first; library 0 where unknown. Valid until the next walk.
  const std::vector<lg_code_entry>& frames() const { return frames_; }

  // LG_MARKER_SELF_CHECK, after walk() of the thread that asks: do just these codes stand on its stack?
  // Reads `check.codes` from the process. The error says which frame differs.
  Status self_check(const lg_self_check& check);

  // The program area as last read; nonce to more_interpreters are those of the last walk.
  const lg_area& area() const { return area_; }
  const lg_hello& hello() const { return hello_; }
  const WalkCounts& counts() const { return counts_; }
  const CodeCounts& code_counts() const { return table_.counts(); }
  ProcessMemory& memory() { return memory_; }

 private:
  // Answers of the reads that a walk starts with.
  enum class Seen : uint8_t { kYes, kSearch, kOtherImage, kUnreadable };

  PythonWalker(ProcessMemory& memory, const lg_hello& hello, const lg_area& area, const lg_python_offsets& offsets);

  Seen read_cached(uint64_t fs, ThreadCache& cache);
  Seen check_area(size_t read) const;
  bool is_doubtful() const;
  bool is_linked(const ThreadCache& cache);
  bool take_named(uint64_t fs, ThreadCache& cache);
  bool search(pid_t tid, uint64_t fs, ThreadCache& cache);
  bool search_once(pid_t tid, uint64_t fs, lg_python_search& search, ThreadCache& cache);
  bool reopen_state(const SeenState& seen, ThreadCache& cache);
  bool open_state(const SeenState& seen, const uint8_t* bytes, ThreadCache& cache);
  void walk_stacks(ThreadCache& cache);
  void walk_frames(lg_python_cursor& cursor);
  void reduce(lg_stack* out);

  ProcessMemory& memory_;
  lg_hello hello_;
  lg_area area_;
  lg_python_offsets offsets_;
  lg_python_program program_;
  CodeTable table_;
  OwnWord own_word_;
  uint64_t only_interpreter_ = 0;  // head of the list when it was the only one in it
  WalkCounts counts_;
  std::vector<SeenState> states_;         // all that the last search saw
  std::vector<lg_python_cursor> stacks_;  // one per thread state of the thread
  std::vector<lg_code_entry> frames_;
  uint32_t steps_ = 0;      // frames looked at in this walk, skipped ones included
  bool unordered_ = false;  // several stacks, and no trace of which is the innermost
  uint32_t flags_ = 0;
};

}  // namespace libguard
