// SPDX-License-Identifier: Apache-2.0
// Finds the word of a thread's descriptor that names its thread state.
//
// Way:     events -> *stack*.
// Thread:  the serving thread only.
// Failure: 0, the caller searches.
#include "core/backend/walk/own_word.h"

#include <array>

namespace libguard {

void OwnWord::learn(ProcessMemory& memory, uint64_t fs, uint64_t state) {
  std::array<uint64_t, kDescriptor / sizeof(uint64_t)> words;
  if (!memory.read(fs, words.data(), sizeof(words))) return;
  if (distance_ && words[distance_ / sizeof(uint64_t)] == state) return;
  for (size_t i = 1; i < words.size(); i++) {
    if (words[i] != state) continue;
    distance_ = i * sizeof(uint64_t);
    return;
  }
}

uint64_t OwnWord::read(ProcessMemory& memory, uint64_t fs) const {
  uint64_t word = 0;
  if (!distance_ || !memory.read(fs + distance_, &word)) return 0;
  return word;
}

}  // namespace libguard
