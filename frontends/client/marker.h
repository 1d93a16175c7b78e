// SPDX-License-Identifier: Apache-2.0
// The marker call: a notified prctl.
//
// Way:     see marker.cc.
// Thread:  any; async-signal-safe.
// Failure: -errno.
#pragma once

#include <cstdint>

#include "bpf/abi.h"

namespace libguard {

long marker(lg_marker op, uint64_t address, uint64_t length);

}  // namespace libguard
