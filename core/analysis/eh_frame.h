// SPDX-License-Identifier: Apache-2.0
// Where functions begin and end, from the tables that stripped files keep: .eh_frame, and Go's pclntab.
//
// Way:     image -> *ranges* -> functions.
// Thread:  pure functions.
// Failure: a broken table ends where it breaks; what follows is found as gaps between known functions.
#pragma once

#include <vector>

#include "core/analysis/elf_image.h"

namespace libguard {

struct FrameTable {
  std::vector<AddressRange> functions;
  std::vector<uint64_t> personalities;      // addresses of routines
  std::vector<uint64_t> personality_slots;  // addresses of words that hold the address of a routine
  bool broken = false;
};

FrameTable read_eh_frame(const ElfImage& image);
std::vector<AddressRange> read_go_functions(const ElfImage& image);

}  // namespace libguard
