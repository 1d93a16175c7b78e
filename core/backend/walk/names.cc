// SPDX-License-Identifier: Apache-2.0
// Reads the names arena of one program as far as it has grown.
//
// Way:     verdict -> *event*.
// Thread:  the serving thread only.
// Failure: records that cannot be are counted and passed over; the rest of a broken arena is not read.
#include "core/backend/walk/names.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace libguard {
namespace {

constexpr size_t kChunk = 64 * 1024;  // longest record: 16 + 65535 rounded up needs more, and gets it
constexpr __u64 kLargestArena = 64u << 20;

size_t record_size(const lg_name_record& head) { return sizeof(head) + (size_t{head.length} + 7) / 8 * 8; }

}  // namespace

Names::Names(ProcessMemory& memory, std::function<std::string(uint32_t)> module_name)
    : memory_(memory), module_name_(std::move(module_name)) {}

const std::string& Names::name(uint32_t function, const lg_area& area) {
  static const std::string none;
  if (function == 0) return none;
  auto found = by_function_.find(function);
  if (found == by_function_.end()) {
    read_more(area);
    found = by_function_.find(function);
  }
  return found == by_function_.end() ? none : found->second;
}

void Names::read_more(const lg_area& area) {
  const uint64_t end = std::min({area.names_used, area.names_size, kLargestArena});
  std::vector<char> bytes;
  while (read_ < end) {
    bytes.resize(std::min<uint64_t>(end - read_, kChunk + UINT16_MAX + sizeof(lg_name_record)));
    if (!memory_.read(area.names + read_, bytes.data(), bytes.size())) {
      bad_++;
      return;
    }
    const size_t taken = take_records(bytes.data(), bytes.size());
    if (!taken) {  // not even one whole record: nothing after it can be found
      bad_++;
      read_ = kLargestArena;
      return;
    }
    read_ += taken;
  }
}

size_t Names::take_records(const char* bytes, size_t size) {
  size_t at = 0;
  while (size - at >= sizeof(lg_name_record)) {
    lg_name_record head;
    std::memcpy(&head, bytes + at, sizeof(head));
    if (record_size(head) > size - at) break;
    const char* text = bytes + at + sizeof(head);
    const uint32_t hash = lg_fnv1a(lg_fnv1a(head.module_hash, ".", 1), text, head.length);
    if (hash != head.function) {
      bad_++;
    } else {
      std::string full = module_name_(head.module_hash);
      if (!full.empty()) full += '.';
      full.append(text, head.length);
      by_function_.emplace(head.function, std::move(full));
    }
    at += record_size(head);
  }
  return at;
}

}  // namespace libguard
