// SPDX-License-Identifier: Apache-2.0
// Reads what a program that pushes says about one blocked thread: its slot and the state that it names.
//
// Way:     events -> *stack*.
// Thread:  the serving thread only; the thread asked about must be blocked in a notified call.
// Failure: kUnreadable: memory that cannot be read, or that is another program's by now.
#pragma once

#include "bpf/abi.h"
#include "core/backend/walk/process_memory.h"

namespace libguard {

enum class Pushed : uint8_t {
  kStack,
  kLost,        // the state found no room: all libraries
  kUnreadable,  // `out` is not filled
};

// `program`, `sp`: see lg_pushed_stack. `fs`: pthread_self of the thread.
Pushed read_pushed(ProcessMemory& memory, const lg_hello& hello, uint32_t program, uint64_t fs, uint64_t sp,
                   lg_stack* out);

}  // namespace libguard
