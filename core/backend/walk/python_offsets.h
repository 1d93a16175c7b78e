// SPDX-License-Identifier: Apache-2.0
// Where the fields lie that the walk reads, per version of CPython.
//
// Way:     hello -> *describe* -> walk: found once per program.
// Thread:  pure, but for the one read of _Py_DebugOffsets.
// Failure: a version that nobody has verified is an error: the guard must not guess.
#pragma once

#include <cstdint>

#include "bpf/walk_cpython.h"
#include "core/backend/walk/process_memory.h"
#include "core/base/result.h"

namespace libguard {

// 3.7 to 3.12 from a table; 3.13 to 3.15 from the interpreter's own _Py_DebugOffsets at `runtime_state`.
Result<lg_python_offsets> python_offsets(ProcessMemory& memory, uint32_t hexversion, uint64_t runtime_state);

// The part of the above that reads no memory: `bytes` are the first `size` bytes of _PyRuntime.
Result<lg_python_offsets> parse_debug_offsets(uint32_t hexversion, const void* bytes, size_t size);

}  // namespace libguard
