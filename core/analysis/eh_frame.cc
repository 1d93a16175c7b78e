// SPDX-License-Identifier: Apache-2.0
// Reads CIEs and FDEs, and the function table of Go programs (1.2 to 1.22 layouts).
//
// Way:     see eh_frame.h.
// Thread:  see eh_frame.h.
// Failure: see eh_frame.h. The cursor never leaves its record.
#include "core/analysis/eh_frame.h"

#include <map>

#include "core/analysis/dwarf_cursor.h"

namespace libguard {
namespace {

struct Common {
  FrameCommon rules;
  uint8_t encoding = 0, handler_encoding = kPointerOmitted;
  uint32_t index = 0;  // of the rules in the table
  bool good = false;
};

Common read_common(DwarfCursor cursor, FrameTable& table) {
  Common common;
  cursor.take<uint8_t>();  // version
  std::string_view letters = cursor.take_text();
  common.rules.code_alignment = cursor.take_leb();
  common.rules.data_alignment = cursor.take_signed_leb();
  common.rules.return_register = static_cast<uint8_t>(cursor.take_leb());
  if (letters.starts_with("z")) {
    common.rules.augmented = true;
    uint64_t length = cursor.take_leb();
    DwarfCursor more = cursor.part(length);
    for (char letter : letters.substr(1)) {
      if (letter == 'R') common.encoding = more.take<uint8_t>();
      if (letter == 'L') common.handler_encoding = more.take<uint8_t>();
      if (letter == 'S') common.rules.signal_frame = true;
      if (letter != 'P') continue;
      uint8_t encoding = more.take<uint8_t>();
      uint64_t routine = more.take_pointer(encoding);
      if (routine != 0)
        (encoding & kPointerIndirect ? table.personality_slots : table.personalities).push_back(routine);
    }
    common.good = more.good();
  }
  common.rules.program = cursor.rest();
  common.good = cursor.good() && (common.good || letters.empty());
  common.index = static_cast<uint32_t>(table.commons.size());
  table.commons.push_back(common.rules);
  return common;
}

}  // namespace

FrameTable read_eh_frame(const ElfImage& image) {
  FrameTable table;
  if (image.eh_frame == 0) return table;
  DwarfCursor cursor(image.at(image.eh_frame), image.eh_frame);
  std::map<uint64_t, Common> commons;
  while (cursor.left() >= 4) {
    uint64_t record = cursor.address(), length = cursor.take<uint32_t>();
    if (length == 0) break;
    if (length == UINT32_MAX) length = cursor.take<uint64_t>();
    uint64_t body = cursor.address();
    DwarfCursor inner = cursor.part(length);
    uint32_t id = inner.take<uint32_t>();
    if (!cursor.good() || !inner.good()) {
      table.broken = true;
      break;
    }
    if (id == 0) {
      commons[record] = read_common(inner, table);
      continue;
    }
    auto common = commons.find(body - id);
    if (common == commons.end() || !common->second.good) continue;
    uint64_t begin = inner.take_pointer(common->second.encoding);
    uint64_t size = inner.take_pointer(common->second.encoding & kPointerFormat);
    // The FDE of a signal frame starts one byte early, so that unwinders find it from the return address.
    if (common->second.rules.signal_frame && size > 1) begin++, size--;
    if (!inner.good() || size == 0 || begin + size <= begin || !image.is_code(begin)) continue;
    uint64_t handlers = 0;
    if (common->second.rules.augmented) {
      DwarfCursor more = inner.part(inner.take_leb());
      if (more.left() != 0) handlers = more.take_pointer(common->second.handler_encoding);
    }
    table.functions.push_back({begin, begin + size});
    table.programs.push_back({inner.rest(), inner.good() ? common->second.index : FrameProgram::kBroken, handlers});
  }
  return table;
}

std::vector<AddressRange> read_go_functions(const ElfImage& image) {
  constexpr uint32_t k120 = 0xfffffff1, k118 = 0xfffffff0, k116 = 0xfffffffa, k12 = 0xfffffffb;
  std::vector<AddressRange> functions;
  for (const ElfSegment& segment : image.segments) {
    for (uint64_t base = segment.memory.begin; base + 64 <= segment.memory.begin + segment.file_size; base += 16) {
      uint32_t magic = *image.read<uint32_t>(base);
      if (magic != k120 && magic != k118 && magic != k116 && magic != k12) continue;
      if (*image.read<uint32_t>(base + 4) != 0x08010000) continue;  // two zeros, quantum 1, pointers of 8 bytes
      uint64_t count = *image.read<uint64_t>(base + 8);
      bool offsets = magic == k120 || magic == k118;
      uint64_t text = offsets ? *image.read<uint64_t>(base + 24) : 0;
      if (offsets && text == 0 && !image.code.empty()) text = image.code.front().begin;
      uint64_t table = magic == k12 ? base + 16 : base + *image.read<uint64_t>(base + (offsets ? 64 : 56));
      uint64_t stride = offsets ? 8 : 16;
      for (uint64_t i = 0; i < count; i++) {
        uint64_t here = table + stride * i;
        auto small = [&](uint64_t at) { return image.read<uint32_t>(at).value_or(0) + text; };
        auto large = [&](uint64_t at) { return image.read<uint64_t>(at).value_or(0); };
        if (image.at(here).empty()) break;
        AddressRange range =
            offsets ? AddressRange{small(here), small(here + 8)} : AddressRange{large(here), large(here + 16)};
        if (range.end > range.begin && image.is_code(range.begin)) functions.push_back(range);
      }
      return functions;
    }
  }
  return functions;
}

}  // namespace libguard
