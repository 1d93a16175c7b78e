// SPDX-License-Identifier: Apache-2.0
// NativeMap: which executable mappings of a process belong to somebody, and who is named on a thread's C stack.
//
// Way:     events -> *stack*: the `native` set of a subject.
// Thread:  the serving thread only; the scanned thread must be blocked in a notified call.
// Failure: mappings or stack that cannot be read: `unknown` is in the set.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/backend/walk/process_memory.h"
#include "core/library/library.h"

namespace libguard {

class NativeMap {
 public:
  // Answers whether the mapping of `path` ("" for anonymous code) names somebody, and whom.
  using Owner = std::function<bool(std::string_view path, LibraryId* owner)>;

  static constexpr size_t kStackBytes = 64 * 1024;

  // Executable mappings are about to change: read them again at the next scan.
  void outdated();

  // Adds the owners of code that return addresses on the stack of `tid` name. False: something could not be read.
  bool scan(pid_t tid, ProcessMemory& memory, const Owner& owner, lg_set* out);

  // Does `tid` run on a stack of its own making: is an extension that switches stacks (greenlet) on its C stack? True
  // too where nobody can tell: memory that cannot be read, a stack of kStackBytes or more, what ended calls left on it.
  // `fs`: the thread pointer, above which no stack of a thread reaches (that of the main thread lies elsewhere).
  bool on_switched_stack(pid_t tid, ProcessMemory& memory, const Owner& owner, uint64_t fs);

  struct Range {
    uint64_t low, high;
    LibraryId owner;
  };
  const std::vector<Range>& ranges() const { return ranges_; }

 private:
  bool refresh(pid_t tid, const Owner& owner);
  bool scan(pid_t tid, ProcessMemory& memory, const Owner& owner, uint64_t end, lg_set* out, bool* whole);
  const Range* range_of(uint64_t address) const;
  bool after_call(ProcessMemory& memory, uint64_t address);

  std::vector<Range> ranges_;                 // ascending; only mappings that name somebody
  std::unordered_map<uint64_t, bool> calls_;  // return address -> a call instruction stands before it
  bool fresh_ = false;
  std::vector<LibraryId> switchers_;  // owners of extensions that switch stacks; kUnknown: of one that names nobody
  int64_t changed_ns_ = 0;            // when outdated() was last said
};

// Does a call instruction end at bytes + 7? `bytes` are the 7 before a return address.
bool ends_in_call(const uint8_t bytes[7]);

}  // namespace libguard
