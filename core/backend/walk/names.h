// SPDX-License-Identifier: Apache-2.0
// Names: function id -> "module.qualname", from the names arena of one program.
//
// Way:     verdict -> *event*: only read when something has to be named, never while judging.
// Thread:  the serving thread only.
// Failure: a record that does not hash to its own function id, or an unreadable arena, names nothing (bad()).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "bpf/abi.h"
#include "core/backend/walk/process_memory.h"

namespace libguard {

class Names {
 public:
  // `module_name` turns lg_name_record::module_hash into text ("" if it does not know it). Start a new one after fork.
  Names(ProcessMemory& memory, std::function<std::string(uint32_t)> module_name);

  // The name of `function` ("" if it has none), reading what the arena gained since the last time.
  // `area` as PythonWalker::area() gave it.
  const std::string& name(uint32_t function, const lg_area& area);

  size_t size() const { return by_function_.size(); }
  uint64_t bad() const { return bad_; }

 private:
  void read_more(const lg_area& area);
  size_t take_records(const char* bytes, size_t size);

  ProcessMemory& memory_;
  std::function<std::string(uint32_t)> module_name_;
  std::unordered_map<uint32_t, std::string> by_function_;
  uint64_t read_ = 0;  // bytes of the arena that were taken in
  uint64_t bad_ = 0;
};

}  // namespace libguard
