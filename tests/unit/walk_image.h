// SPDX-License-Identifier: Apache-2.0
// A CPython program made of plain memory of this process: interpreters, thread states, frames, code table.
#pragma once

#include <unistd.h>

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <vector>

#include "core/backend/walk/python_walk.h"

namespace libguard::testing {

// Laid out as 3.12 is: cframe, owner byte, code first in the frame.
class FakeProgram {
 public:
  static constexpr uint32_t kHexversion = 0x030c01f0;
  static constexpr uint64_t kThread = 0x7f0000001000;

  using Block = std::array<uint8_t, 512>;

  FakeProgram() : table_(LG_TABLE_BUCKETS), names_(1 << 16) {
    for (int i = 0; i < 16; i++) area.nonce[i] = static_cast<uint8_t>(i + 1);
    area.epoch = 1;
    area.version = LG_ABI_VERSION;
    area.table = address(table_.data());
    area.names = address(names_.data());
    area.names_size = names_.size();
    interpreter = add_interpreter();
  }

  static uint64_t address(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }
  static void put(uint64_t at, uint64_t value) { std::memcpy(reinterpret_cast<void*>(at), &value, 8); }
  static uint64_t get(uint64_t at) {
    uint64_t value;
    std::memcpy(&value, reinterpret_cast<const void*>(at), 8);
    return value;
  }

  uint64_t block() {
    blocks_.emplace_back();
    blocks_.back().fill(0);
    return address(blocks_.back().data());
  }

  // New interpreters come first in the list, as in CPython.
  uint64_t add_interpreter() {
    const uint64_t made = block();
    put(made + 0, get(runtime() + 40));
    put(runtime() + 40, made);
    if (interpreter) area.more_interpreters = 1;
    return made;
  }

  uint64_t add_state(uint64_t of, uint64_t thread) {
    const uint64_t made = block(), cframe = block();
    const uint64_t head = get(of + 72);
    put(made + 8, head);
    if (head) put(head + 0, made);
    put(made + 16, of);
    put(made + 136, thread);
    put(made + 56, cframe);
    put(of + 72, made);
    return made;
  }

  // As CPython does it: all frames have returned. At the end of the interpreter other threads' states go `with_frames`.
  void remove_state(uint64_t state, bool with_frames = false) {
    if (!with_frames) put(get(state + 56), 0);
    const uint64_t previous = get(state + 0), next = get(state + 8);
    put(previous ? previous + 8 : get(state + 16) + 72, next);
    if (next) put(next + 0, previous);
  }

  // Pushes a frame; owner 3 is an entry frame.
  uint64_t push(uint64_t state, uint64_t code, uint8_t owner = 0) {
    const uint64_t cframe = get(state + 56), made = block();
    put(made + 0, code);
    put(made + 8, get(cframe));
    reinterpret_cast<uint8_t*>(made)[70] = owner;
    put(cframe, made);
    return made;
  }

  void pop(uint64_t state) {
    const uint64_t cframe = get(state + 56);
    put(cframe, get(get(cframe) + 8));
  }

  void tag(lg_code_entry entry) {
    for (uint32_t probe = 0; probe < LG_TABLE_PROBES; probe++)
      for (lg_code_entry& slot : table_[(lg_code_bucket_of(entry.code) + probe) & (LG_TABLE_BUCKETS - 1)].entry)
        if (slot.code <= LG_CODE_TOMBSTONE || slot.code == entry.code) {
          slot = entry;
          return;
        }
  }

  void untag(uint64_t code) {
    area.epoch++;
    for (uint32_t probe = 0; probe < LG_TABLE_PROBES; probe++)
      for (lg_code_entry& slot : table_[(lg_code_bucket_of(code) + probe) & (LG_TABLE_BUCKETS - 1)].entry)
        if (slot.code == code) slot.code = LG_CODE_TOMBSTONE;
  }

  lg_hello hello() const {
    lg_hello said{};
    said.version = LG_ABI_VERSION;
    said.runtime = LG_RUNTIME_CPYTHON;
    said.hexversion = kHexversion;
    said.area = address(&area);
    std::memcpy(said.nonce, area.nonce, sizeof(said.nonce));
    said.runtime_state = runtime();
    said.none = 0x9990;
    said.image_low = 0x10000;
    said.image_high = 0x20000;
    return said;
  }

  std::vector<lg_code_bucket>& table() { return table_; }
  std::vector<char>& names() { return names_; }
  uint64_t runtime() const { return address(runtime_.data()); }

  lg_area area{};
  uint64_t interpreter = 0;

 private:
  Block runtime_{};
  std::deque<Block> blocks_;
  std::vector<lg_code_bucket> table_;
  std::vector<char> names_;
};

}  // namespace libguard::testing
