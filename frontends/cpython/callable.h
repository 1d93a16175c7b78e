// SPDX-License-Identifier: Apache-2.0
// Will a callable have a frame of its own library when it runs?
//
// Way:     events -> *stack*.
// Thread:  with the GIL.
// Failure: a wrong "no hand-off" only makes the runtime the caller, which holds little.
#pragma once

#include "frontends/cpython/interpreter.h"

namespace libguard {

// True for C callables and functions of the runtime, looked at through partials, bound methods and Context.run;
// false for functions of libraries, for steps of tasks and for what asyncio schedules for itself.
bool needs_handoff(Object* callable, Object* arguments);

}  // namespace libguard
