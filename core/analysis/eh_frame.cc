// SPDX-License-Identifier: Apache-2.0
// Reads CIEs and FDEs, and the function table of Go programs (1.2 to 1.22 layouts).
//
// Way:     see eh_frame.h.
// Thread:  see eh_frame.h.
// Failure: see eh_frame.h. The cursor never leaves its record.
#include "core/analysis/eh_frame.h"

#include <map>

namespace libguard {
namespace {

// Pointer encodings of .eh_frame (DW_EH_PE_*).
constexpr uint8_t kFormat = 0x0f, kApplication = 0x70, kRelative = 0x10, kIndirect = 0x80, kOmitted = 0xff;

class Cursor {
 public:
  Cursor(Bytes bytes, uint64_t address) : bytes_(bytes), address_(address) {}
  bool good() const { return good_; }
  uint64_t address() const { return address_ + offset_; }
  size_t left() const { return bytes_.size() - offset_; }
  template <class T>
  T take() {
    T value{};
    if (left() < sizeof(T)) {
      good_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data() + offset_, sizeof value);
    offset_ += sizeof(T);
    return value;
  }
  uint64_t take_leb() {  // signed numbers are only skipped, so their sign does not matter
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      uint8_t byte = take<uint8_t>();
      if (shift < 64) value |= uint64_t{byte & 0x7fu} << shift;
      if (!(byte & 0x80) || !good_) return value;
    }
  }
  std::string_view take_text() {
    size_t start = offset_;
    while (good_ && take<uint8_t>() != 0) {
    }
    return good_ ? std::string_view(reinterpret_cast<const char*>(bytes_.data() + start), offset_ - start - 1)
                 : std::string_view{};
  }
  uint64_t take_pointer(uint8_t encoding) {
    if (encoding == kOmitted) return 0;
    uint64_t here = address(), value = 0;
    switch (encoding & kFormat) {
      case 0x1:
        value = take_leb();
        break;
      case 0x2:
        value = take<uint16_t>();
        break;
      case 0xa:
        value = static_cast<uint64_t>(take<int16_t>());
        break;
      case 0x3:
        value = take<uint32_t>();
        break;
      case 0xb:
        value = static_cast<uint64_t>(int64_t{take<int32_t>()});
        break;
      case 0x0:
      case 0x4:
      case 0xc:
        value = take<uint64_t>();
        break;
      default:
        good_ = false;
    }
    return value != 0 && (encoding & kApplication) == kRelative ? value + here : value;
  }
  Cursor part(size_t length) {
    if (length > left()) {
      good_ = false;
      length = left();
    }
    Cursor inner(bytes_.subspan(offset_, length), address());
    offset_ += length;
    return inner;
  }

 private:
  Bytes bytes_;
  uint64_t address_;
  size_t offset_ = 0;
  bool good_ = true;
};

struct Common {
  uint8_t encoding = 0;
  bool signal_frame = false, good = false;
};

Common read_common(Cursor cursor, FrameTable& table) {
  Common common;
  cursor.take<uint8_t>();  // version
  std::string_view letters = cursor.take_text();
  cursor.take_leb();  // code alignment
  cursor.take_leb();  // data alignment
  cursor.take_leb();  // return register
  if (letters.starts_with("z")) {
    cursor.take_leb();
    for (char letter : letters.substr(1)) {
      if (letter == 'R') common.encoding = cursor.take<uint8_t>();
      if (letter == 'L') cursor.take<uint8_t>();
      if (letter == 'S') common.signal_frame = true;
      if (letter != 'P') continue;
      uint8_t encoding = cursor.take<uint8_t>();
      uint64_t routine = cursor.take_pointer(encoding);
      if (routine != 0) (encoding & kIndirect ? table.personality_slots : table.personalities).push_back(routine);
    }
  }
  common.good = cursor.good();
  return common;
}

}  // namespace

FrameTable read_eh_frame(const ElfImage& image) {
  FrameTable table;
  if (image.eh_frame == 0) return table;
  Cursor cursor(image.at(image.eh_frame), image.eh_frame);
  std::map<uint64_t, Common> commons;
  while (cursor.left() >= 4) {
    uint64_t record = cursor.address(), length = cursor.take<uint32_t>();
    if (length == 0) break;
    if (length == UINT32_MAX) length = cursor.take<uint64_t>();
    uint64_t body = cursor.address();
    Cursor inner = cursor.part(length);
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
    uint64_t size = inner.take_pointer(common->second.encoding & kFormat);
    // The FDE of a signal frame starts one byte early, so that unwinders find it from the return address.
    if (common->second.signal_frame && size > 1) begin++, size--;
    if (inner.good() && size != 0 && begin + size > begin && image.is_code(begin))
      table.functions.push_back({begin, begin + size});
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
