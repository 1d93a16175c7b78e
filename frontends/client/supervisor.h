// SPDX-License-Identifier: Apache-2.0
// Starts `libguard supervise` as a process that is nobody's child, and lets it read this one.
//
// Way:     before everything, for the detached door.
// Thread:  one, at the start of the program.
// Failure: before the fork one line and exit status 125; behind it the socket is closed without an answer.
#pragma once

namespace libguard {

// `socket` becomes descriptor LG_DOOR_FD of the supervisor.
void start_supervisor(int socket);

// `supervisor` may read the memory of this process and of its fork children; the programs that they execute learn it.
void admit_reader(long supervisor);
void hand_on_reader();

// Is this process the libguard program itself? It is never guarded.
bool is_libguard_itself();

}  // namespace libguard
