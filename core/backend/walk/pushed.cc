// SPDX-License-Identifier: Apache-2.0
// Two reads: the area's nonce with the slot, then the state.
//
// Way:     see pushed.h.
// Thread:  see pushed.h.
// Failure: see pushed.h.
#include "core/backend/walk/pushed.h"

#include <cstring>

#include "bpf/pushed.h"

namespace libguard {

Pushed read_pushed(ProcessMemory& memory, const lg_hello& hello, uint32_t program, uint64_t fs, uint64_t sp,
                   lg_stack* out) {
  uint8_t nonce[sizeof(hello.nonce)];
  lg_slot slot;
  lg_pushed pushed;
  iovec to[] = {{nonce, sizeof(nonce)}, {&slot, sizeof(slot)}};
  iovec from[] = {{reinterpret_cast<void*>(hello.area), sizeof(nonce)},
                  {reinterpret_cast<void*>(fs + static_cast<uint64_t>(hello.slot_delta)), sizeof(slot)}};
  if (memory.read_batch(to, from, 2) != sizeof(nonce) + sizeof(slot)) return Pushed::kUnreadable;
  if (std::memcmp(nonce, hello.nonce, sizeof(nonce)) != 0 || slot.state >= LG_MAX_STATES) return Pushed::kUnreadable;
  if (!memory.read(hello.states + sizeof(pushed) * slot.state, &pushed)) return Pushed::kUnreadable;
  lg_pushed_stack(&slot, &pushed, program, sp, out);
  return slot.state == LG_PUSHED_LOST ? Pushed::kLost : Pushed::kStack;
}

}  // namespace libguard
