// SPDX-License-Identifier: Apache-2.0
// What the memory of a process points to: functions, and data of files that may hold pointers to functions.
//
// Way:     process -> *pointers* -> profile.
// Thread:  one at a time; the process runs on meanwhile.
// Failure: memory that cannot be read is left out.
//
// Counted are words of writable memory, also as the C library mangles them: those that the loader wrote into data of
// files only if they were changed since; static analysis knows the others. Of a stack, what lies below it and what
// belongs to frames to which nothing returns does not count.
#pragma once

#include <vector>

#include "core/backend/walk/process_memory.h"
#include "core/live/address_space.h"
#include "core/profile/profile.h"

namespace libguard {

struct StackBounds {
  uint64_t low = 0, live = 0, high = 0;  // innermost frame, end of the last one to which something returns, outermost
};

// Adds to serving->pointers and serving->data.
void find_pointers(const AddressSpace& space, ProcessMemory& memory, const std::vector<StackBounds>& stacks,
                   Profile::Serving* serving);

}  // namespace libguard
