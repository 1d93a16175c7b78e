// SPDX-License-Identifier: Apache-2.0
// Who starts programs: which functions of the runtime do it themselves, and which functions of libraries say that they
// do.
//
// Way:     events -> *stack*: bits of the entry that the walk finds for a frame's code.
// Thread:  with the GIL of the interpreter that owns the code.
// Failure: names that cannot be read count as none.
#pragma once

#include "frontends/cpython/registrar.h"

namespace libguard {

// Does this function of the runtime make calls of @exec itself? No other frame of a module that vouches does so on its
// own account: what runs there without a frame was planted.
bool starts_programs(uint32_t function);

// Does it only start workers of the program's own interpreter? Whoever's function that is, need not name it.
bool starts_workers(uint32_t function);

// What a code names of the runtime that starts programs.
struct Naming {
  bool starter = false;
  uint32_t usual = 0;  // which of the common names
};

// `module`: what its module's own code names; a common name counts where that took it from elsewhere by this name.
Naming names_of(Object* code, const Naming& module);

}  // namespace libguard
