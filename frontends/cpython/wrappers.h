// SPDX-License-Identifier: Apache-2.0
// C functions of the interpreter that make code, wrapped in place: every reference to them is covered.
//
// Way:     *events*: code is tagged before anybody can run it.
// Thread:  wrapped once, at attach; the wrappers run with the GIL.
// Failure: a function that does not look as expected ends the process at start.
#pragma once

#include "frontends/cpython/interpreter.h"

namespace libguard {

// The functions of builtins, _imp and the code type; `modules` is sys.modules.
void wrap_builtins(Object* modules);

// marshal comes a little later. False: not there yet.
bool wrap_marshal(Object* modules);

}  // namespace libguard
