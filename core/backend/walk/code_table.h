// SPDX-License-Identifier: Apache-2.0
// CodeTable: code address -> entry {library, vouching, function}, from the table in one program's memory.
//
// Way:     events -> *stack*: gives every frame its library.
// Thread:  the serving thread only, while the thread whose frames are named is stopped: its code objects live.
// Failure: an entry that is not there or cannot be read is unknown (or the runtime's, inside its image).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bpf/walk_cpython.h"
#include "core/backend/walk/process_memory.h"

namespace libguard {

struct CodeCounts {
  uint64_t cached = 0, read = 0;  // codes
  uint64_t flushes = 0;           // the epoch changed
  uint64_t unknown = 0;           // frames
};

class CodeTable {
 public:
  CodeTable(ProcessMemory& memory, uint64_t table, const lg_python_program& program);
  ~CodeTable();

  // What was cached holds only as long as the client removed nothing. REQUIRES: before each name().
  void at_epoch(uint64_t epoch);
  // Completes entries of which only `code` is set. Flags: LG_STACK_UNKNOWN, LG_STACK_FAULT.
  uint32_t name(std::vector<lg_code_entry>& frames);
  const CodeCounts& counts() const { return counts_; }

 private:
  // Four codes that share a place do not drive each other out: a frame that is missed costs as much as all others.
  static constexpr size_t kWays = 4, kSets = 1024;
  struct alignas(64) Set {
    lg_code_entry way[kWays];  // the last one taken first
  };
  Set& set_of(uint64_t code) { return cache_[(code >> 4) * 0x9E3779B97F4A7C15ull >> 54]; }
  const lg_code_entry* cached(uint64_t code);
  uint32_t note_unknown();
  bool read_missing();
  bool read_further(lg_code_entry& entry);
  void take(lg_code_entry& entry, const lg_code_entry& found);

  ProcessMemory& memory_;
  uint64_t table_;
  lg_python_program program_;
  uint64_t epoch_ = 0;
  std::vector<Set> cache_;
  std::vector<lg_code_entry> missing_;  // sorted by code
  std::vector<lg_code_bucket> buckets_;
  std::vector<iovec> to_, from_;
  CodeCounts counts_;
};

}  // namespace libguard
