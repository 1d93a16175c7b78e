// SPDX-License-Identifier: Apache-2.0
// OwnWord: where a thread itself keeps the address of its thread state: a guess that saves the search.
//
// Way:     events -> *stack*: asked for a thread that was not walked yet, or whose neighbours in the list have changed.
// Thread:  the serving thread only; the thread that is asked about must be blocked.
// Failure: nothing learned, or a word that cannot be read: 0, the caller searches.
//
// CPython binds a state to its thread by a thread-specific key (autoTSSkey); libc keeps the first keys in the thread's
// descriptor, at the same distance from pthread_self in every thread. The distance depends on libc and on the key, so
// it is learned from a thread whose state a search has found. The thread writes the word itself, and libc clears it
// when the thread ends. Still it is only a hint: the caller must check what it names.
#pragma once

#include <cstdint>

#include "core/backend/walk/process_memory.h"

namespace libguard {

class OwnWord {
 public:
  // A search has found that `state` is the one state of the thread whose pthread_self is `fs`.
  void learn(ProcessMemory& memory, uint64_t fs, uint64_t state);
  // The state that the thread names; 0 if none.
  uint64_t read(ProcessMemory& memory, uint64_t fs) const;

 private:
  static constexpr uint64_t kDescriptor = 1024;  // bytes looked through; glibc's first keys lie within

  uint64_t distance_ = 0;  // 0: not known
};

}  // namespace libguard
