// SPDX-License-Identifier: Apache-2.0
// The open-code hook: every code file that the runtime's loaders read comes through here.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  with the GIL.
// Failure: errors of the file are Python's own exceptions; a file that nobody vouches for makes unknown code.
#pragma once

#include "frontends/cpython/interpreter.h"

namespace libguard {

Object* open_code(Object* path, void* unused);

}  // namespace libguard
