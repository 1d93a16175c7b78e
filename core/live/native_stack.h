// SPDX-License-Identifier: Apache-2.0
// The native stack of a thread that waits, read from outside without stopping it.
//
// Way:     thread -> *frames* -> profile.
// Thread:  one at a time; the thread that is read must wait in a call, or its frames may be of two moments.
// Failure: what cannot be followed ends the stack: `whole` is false.
//
// The kernel tells stack pointer and instruction pointer of a thread that waits, no other register. They are learned
// from what callees saved; a frame that is found by a register which nobody saved is found by its return address
// instead: the next word of the stack behind a call that leads to the function.
#pragma once

#include "core/backend/walk/process_memory.h"
#include "core/live/address_space.h"

namespace libguard {

struct NativeFrame {
  const LiveFile* file = nullptr;
  uint64_t address = 0;   // innermost: instruction pointer; others: return address
  uint64_t function = 0;  // where it begins
  uint64_t cfa = 0;       // tells this run of the function from any other
};

struct NativeStack {
  std::vector<NativeFrame> frames;  // innermost first
  uint64_t stack_pointer = 0;
  bool whole = false;  // up to where the thread began
};

// Empty and not whole: the thread is gone or runs.
// Exported name, symbol, or sub_ADDRESS.
std::string function_name(const NativeFrame& frame);

NativeStack read_native_stack(pid_t tid, AddressSpace& space, ProcessMemory& memory);

}  // namespace libguard
