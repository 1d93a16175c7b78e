// SPDX-License-Identifier: Apache-2.0
// Retries calls that a guard interrupts and that are never interrupted without one.
//
// Way:     *action*: a signal that meets a waiting notification makes the kernel answer EINTR.
// Thread:  any; async-signal-safe once switched on.
// Failure: none of its own: every other error passes through.
#pragma once

namespace libguard {

// Finds the functions that are interposed, in every program: later it may be too late (a child of vfork).
void find_interrupted_calls();

// Switched on at start, inside a guard only.
void retry_interrupted_calls();

}  // namespace libguard
