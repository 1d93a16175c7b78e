// SPDX-License-Identifier: Apache-2.0
// Hand-offs: callables without a frame of a library, given to an executor or an event loop.
//
// Way:     events -> *stack*: the submitter's stack goes along with what it submitted.
// Thread:  with the GIL; made in one thread, called in another.
// Failure: no note: the callable runs as the runtime's own, which holds little.
#pragma once

#include "frontends/cpython/interpreter.h"

namespace libguard {

// `code` has been executed in `globals`: if it was the body of a module that runs callables for others, its
// constructor is wrapped.
void install_handoffs(Object* code, Object* globals);

}  // namespace libguard
