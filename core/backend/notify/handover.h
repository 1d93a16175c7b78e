// SPDX-License-Identifier: Apache-2.0
// Handover: packets over a socket pair; those that a courier sends (libguard/courier.h) bring a descriptor along.
//
// Way:     before the first event: how a listener gets to the supervisor.
// Thread:  any.
// Failure: false; errno says why. Nothing is allocated: used between fork and exec.
#pragma once

#include <cstddef>

namespace libguard {

bool send_packet(int socket, const void* bytes, size_t size);
// Bytes received, 0 at the end of the other side, -1 on failure. *descriptor (close-on-exec) is -1 if none came.
long receive_packet(int socket, void* bytes, size_t size, int* descriptor = nullptr);

}  // namespace libguard
