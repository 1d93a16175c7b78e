// SPDX-License-Identifier: Apache-2.0
// Reads the numbers, texts and pointers of which .eh_frame is made.
//
// Way:     image -> *tables* -> functions, rules for unwinding.
// Thread:  plain value.
// Failure: what ends too early makes it bad (good() is false); it never leaves its bytes.
#pragma once

#include "core/analysis/elf_image.h"

namespace libguard {

// Pointer encodings (DW_EH_PE_*).
inline constexpr uint8_t kPointerFormat = 0x0f, kPointerApplication = 0x70, kPointerRelative = 0x10,
                         kPointerIndirect = 0x80, kPointerOmitted = 0xff;

class DwarfCursor {
 public:
  DwarfCursor(Bytes bytes, uint64_t address) : bytes_(bytes), address_(address) {}
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
  uint64_t take_leb() { return take_number(false); }
  int64_t take_signed_leb() { return static_cast<int64_t>(take_number(true)); }
  Bytes rest() const { return bytes_.subspan(offset_); }
  std::string_view take_text() {
    size_t start = offset_;
    while (good_ && take<uint8_t>() != 0) {
    }
    return good_ ? std::string_view(reinterpret_cast<const char*>(bytes_.data() + start), offset_ - start - 1)
                 : std::string_view{};
  }
  uint64_t take_pointer(uint8_t encoding) {
    if (encoding == kPointerOmitted) return 0;
    uint64_t here = address(), value = 0;
    switch (encoding & kPointerFormat) {
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
    return value != 0 && (encoding & kPointerApplication) == kPointerRelative ? value + here : value;
  }
  DwarfCursor part(size_t length) {
    if (length > left()) {
      good_ = false;
      length = left();
    }
    DwarfCursor inner(bytes_.subspan(offset_, length), address());
    offset_ += length;
    return inner;
  }

 private:
  uint64_t take_number(bool is_signed) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      uint8_t byte = take<uint8_t>();
      if (shift < 64) value |= uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) && good_) continue;
      if (is_signed && (byte & 0x40) && shift + 7 < 64) value |= ~uint64_t{0} << (shift + 7);
      return value;
    }
  }

  Bytes bytes_;
  uint64_t address_;
  size_t offset_ = 0;
  bool good_ = true;
};

}  // namespace libguard
