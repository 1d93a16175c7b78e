// SPDX-License-Identifier: Apache-2.0
// What the files of this folder share: the area and its parts.
//
// Way:     *events*: names and numbers of code, kept where the supervisor reads them.
// Thread:  the area is made once, before other threads; its parts are written under lg_lock.
// Failure: no area (no hello yet): lookups find nothing, entries are refused.
#pragma once

#include <cstdint>

#include "bpf/abi.h"

namespace libguard {

constexpr uint64_t kNamesBytes = 8u << 20;  // address space; pages come as they are used

lg_area* client_area();  // null before the hello

inline uint64_t client_nonce() {
  lg_area* area = client_area();
  uint64_t low = 0;
  if (area) __builtin_memcpy(&low, area->nonce, sizeof low);
  return low;
}

}  // namespace libguard
