// SPDX-License-Identifier: Apache-2.0
// Which thread states belong to a thread: by the C stack they run on, else by the thread number they carry.
//
// Way:     events -> *stack*.
// Thread:  pure.
// Failure: none.
#include "core/backend/walk/thread_states.h"

namespace libguard {
namespace {

constexpr uint64_t kLargestState = 1024;  // a cframe inside its own state: nothing runs

bool runs(const SeenState& seen) {
  return seen.cframe && (seen.cframe < seen.state || seen.cframe >= seen.state + kLargestState);
}

// The thread whose stack `address` lies on; 0: the initial stack.
uint64_t owner_of(uint64_t address, const std::vector<SeenState>& all, uint64_t thread) {
  uint64_t owner = thread > address ? thread : 0;
  for (const SeenState& seen : all)
    if (seen.thread > address && (!owner || seen.thread < owner)) owner = seen.thread;
  return owner;
}

}  // namespace

std::vector<SeenState> states_of_thread(const std::vector<SeenState>& all, uint64_t thread, bool initial_stack) {
  std::vector<SeenState> own;
  for (const SeenState& seen : all) {
    bool ours = seen.thread == thread;
    if (runs(seen)) {
      const uint64_t owner = owner_of(seen.cframe, all, thread);
      ours = owner ? owner == thread : initial_stack;
    }
    if (ours) own.push_back(seen);
  }
  return own;
}

}  // namespace libguard
