// SPDX-License-Identifier: Apache-2.0
// What a supervisor that was started by root gives up once its programs are loaded and its child is there.
//
// Way:     before the first event.
// Thread:  the first one, before it makes others: they inherit what is left.
// Failure: the kernel takes nothing away: an ordinary user has nothing to lose, and root keeps what it has.
#pragma once

namespace libguard {

// Keeps what reading guarded processes, opening files in their place and ending them needs; loses the rest, which is
// above all loading programs and modules into the kernel. Maps that are open already stay usable.
void drop_privileges();

}  // namespace libguard
