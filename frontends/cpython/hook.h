// SPDX-License-Identifier: Apache-2.0
// The audit hook: where the interpreter says what happens in it.
//
// Way:     *events*.
// Thread:  any thread of the interpreter, with its GIL; also before there is a thread state.
// Failure: -1 with an exception set stops what was announced.
#pragma once

#include "frontends/cpython/interpreter.h"

namespace libguard {

int audit(const char* event, Object* arguments, void* unused);

// Under enforce code directories are not written: the import system is told not to try.
void keep_bytecode_unwritten(bool wanted);

}  // namespace libguard
