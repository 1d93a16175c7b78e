// SPDX-License-Identifier: Apache-2.0
// The tables of pushed states: made before the hello, which names them.
//
// Way:     events -> *stack*.
// Thread:  made once, before other threads.
// Failure: false: no memory.
#pragma once

#include "libguard/frontend.h"
#include "libguard/push.h"

namespace libguard {

// Fills what hello and lg_enter need to know.
bool make_states(lg_hello* hello, lg_push* push);
// The area is there: states can be numbered.
void begin_states();

}  // namespace libguard
