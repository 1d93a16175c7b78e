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
#include "core/backend/walk/process_memory.h"
#include "core/base/result.h"

namespace libguard {

// What the walker remembers about one thread between its calls. Start a new one at each birth of a thread.
struct ThreadCache {
  uint64_t state = 0;         // its only thread state; 0: search
  uint64_t link = 0;          // address of the pointer that must point to it while it is linked
  uint64_t interpreters = 0;  // head of the list of interpreters when `state` was the only one
  uint64_t cframe = 0;
  uint64_t pages[4] = {};  // pages of frames of the last call
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
  uint64_t no_state = 0, faults = 0, truncated = 0, unknown_frames = 0;
  uint64_t codes_cached = 0, codes_read = 0, cache_flushes = 0;
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
  // No flag and depth 0: the thread has a state and no frame (interpreter start and end, atexit in C).
  Walked walk(pid_t tid, uint64_t fs, ThreadCache& cache, lg_stack* out);

  // Every frame of the last walk, innermost first; library 0 where unknown. Valid until the next walk.
  const std::vector<lg_code_entry>& frames() const { return frames_; }

  // LG_MARKER_SELF_CHECK: do just these codes, innermost first, stand on the last walk's stack?
  // Reads check.codes from the process. An error says which frame differs.
  Status self_check(const lg_self_check& check);

  // The program area as last read; names_used and codes_lost are those of the last walk.
  const lg_area& area() const { return area_; }
  const lg_hello& hello() const { return hello_; }
  const WalkCounts& counts() const { return counts_; }
  ProcessMemory& memory() { return memory_; }

 private:
  struct Pages;
  struct CodeCache;
  PythonWalker(ProcessMemory& memory, const lg_hello& hello, const lg_area& area, const lg_python_offsets& offsets);

  bool read_cached(uint64_t fs, ThreadCache& cache, bool* other_image);
  bool search(uint64_t fs, ThreadCache& cache);
  bool read_area(bool* other_image);
  void walk_states(ThreadCache& cache);
  void name_codes();
  void reduce(lg_stack* out);

  ProcessMemory& memory_;
  lg_hello hello_;
  lg_area area_;
  lg_python_offsets offsets_;
  lg_python_program program_;
  WalkCounts counts_;
  std::unique_ptr<Pages> pages_;
  std::unique_ptr<CodeCache> cache_;
  std::vector<lg_python_cursor> stacks_;  // one per thread state of the thread, innermost first
  std::vector<lg_code_entry> frames_;
  uint32_t flags_ = 0;
};

}  // namespace libguard
