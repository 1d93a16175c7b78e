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

// What the rules for unwinding of several functions have in common (CIE), and those of one (FDE): instructions for
// unwind_rules.h.
struct FrameCommon {
  Bytes program;
  uint64_t code_alignment = 1;
  int64_t data_alignment = 1;
  uint8_t return_register = 16;
  bool signal_frame = false, augmented = false;
};
struct FrameProgram {
  Bytes program;
  static constexpr uint32_t kBroken = UINT32_MAX;
  uint32_t common = kBroken;  // index
  uint64_t handlers = 0;      // address of the table of landing pads (LSDA); 0: none
};

struct FrameTable {
  std::vector<AddressRange> functions;
  std::vector<FrameProgram> programs;  // one per function
  std::vector<FrameCommon> commons;
  std::vector<uint64_t> personalities;      // addresses of routines
  std::vector<uint64_t> personality_slots;  // addresses of words that hold the address of a routine
  bool broken = false;
};

FrameTable read_eh_frame(const ElfImage& image);
std::vector<AddressRange> read_go_functions(const ElfImage& image);

}  // namespace libguard
