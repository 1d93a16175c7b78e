// SPDX-License-Identifier: Apache-2.0
// Reads writable memory piece by piece and looks at every aligned word.
//
// Way:     see memory_pointers.h.
// Thread:  see memory_pointers.h.
// Failure: see memory_pointers.h.
#include "core/live/memory_pointers.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <unordered_map>

namespace libguard {
namespace {

constexpr size_t kPiece = 1u << 20;
constexpr uint64_t kRedZone = 128;

// What the C library of the process mixes into pointers that it keeps (PTR_MANGLE): the second word of AT_RANDOM.
uint64_t pointer_guard(pid_t pid, ProcessMemory& memory) {
  std::ifstream vector("/proc/" + std::to_string(pid) + "/auxv", std::ios::binary);
  uint64_t entry[2], guard = 0;
  while (vector.read(reinterpret_cast<char*>(entry), sizeof entry) && entry[0] != 0)
    if (entry[0] == 25 && memory.read(entry[1] + 8, &guard)) return guard;
  return 0;
}

bool has_name_at(const ElfImage& image, std::string_view name, uint64_t address) {
  return std::any_of(image.symbols.begin(), image.symbols.end(), [&](const ElfSymbol& symbol) {
    return symbol.defined && symbol.value == address && symbol.name == name;
  });
}

class Scan {
 public:
  Scan(const AddressSpace& space, ProcessMemory& memory, Profile::Serving* serving)
      : space_(space), memory_(memory), serving_(serving), guard_(pointer_guard(space.pid(), memory)) {
    for (const AddressSpace::Mapping& mapping : space.mappings()) {
      if (mapping.file == nullptr) continue;
      low_ = std::min(low_, mapping.low);
      high_ = std::max(high_, mapping.high);
    }
  }
  void range(const AddressSpace::Mapping& mapping, uint64_t low, uint64_t high);

 private:
  void look(const AddressSpace::Mapping& mapping, uint64_t at, uint64_t value);
  bool is_as_loaded(const AddressSpace::Mapping& mapping, uint64_t at, const CodePlace& target);
  bool note(const AddressSpace::Mapping& mapping, uint64_t at, uint64_t value);

  const AddressSpace& space_;
  ProcessMemory& memory_;
  Profile::Serving* serving_;
  uint64_t guard_, low_ = UINT64_MAX, high_ = 0;
  std::unordered_map<const LiveFile*, std::unordered_map<uint64_t, uint32_t>> relocations_;  // by place
  std::vector<uint8_t> piece_;
};

// Does the word hold what the loader put there?
bool Scan::is_as_loaded(const AddressSpace::Mapping& mapping, uint64_t at, const CodePlace& target) {
  if (mapping.file == nullptr) return false;
  auto [table, fresh] = relocations_.try_emplace(mapping.file);
  const ElfImage& image = mapping.file->image;
  if (fresh)
    for (uint32_t i = 0; i < image.relocations.size(); i++) table->second[image.relocations[i].place] = i;
  auto place = mapping.file->address_of(mapping.offset + (at - mapping.low));
  auto found = place ? table->second.find(*place) : table->second.end();
  if (found == table->second.end()) return false;
  const ElfRelocation& relocation = image.relocations[found->second];
  if (relocation.type == R_X86_64_JUMP_SLOT || relocation.type == R_X86_64_GLOB_DAT) return true;
  if (relocation.symbol == 0)
    return target.file == mapping.file && target.address == static_cast<uint64_t>(relocation.addend);
  return relocation.symbol < image.symbols.size() &&
         has_name_at(target.file->image, image.symbols[relocation.symbol].name,
                     target.address - static_cast<uint64_t>(relocation.addend));
}

bool Scan::note(const AddressSpace::Mapping& mapping, uint64_t at, uint64_t value) {
  if (value < low_ || value >= high_) return false;
  auto target = space_.place_of(value);
  if (!target || is_as_loaded(mapping, at, *target)) return false;
  const ElfImage& image = target->file->image;
  if (image.is_code(target->address)) {
    if (!target->file->rules.is_function(target->address) || target->address == image.entry) return false;
    serving_->pointers[target->file->path].insert(target->address);
    return true;
  }
  // Only what the loader writes to can hold pointers that static analysis knows.
  bool holds = std::any_of(image.segments.begin(), image.segments.end(), [&](const ElfSegment& segment) {
    return segment.writable && target->address >= segment.memory.begin &&
           target->address - segment.memory.begin < segment.file_size;
  });
  if (holds) serving_->data[target->file->path].insert(target->address);
  return holds;
}

void Scan::look(const AddressSpace::Mapping& mapping, uint64_t at, uint64_t value) {
  if (value == 0 || note(mapping, at, value) || guard_ == 0) return;
  note(mapping, at, (value >> 17 | value << 47) ^ guard_);
}

void Scan::range(const AddressSpace::Mapping& mapping, uint64_t low, uint64_t high) {
  for (uint64_t at = (low + 7) & ~uint64_t{7}; at < high; at += kPiece) {
    piece_.resize(std::min<uint64_t>(kPiece, high - at));
    const iovec to{piece_.data(), piece_.size()};
    const iovec from{reinterpret_cast<void*>(at), piece_.size()};
    const size_t got = memory_.read_batch(&to, &from, 1);
    for (size_t offset = 0; offset + 8 <= got; offset += 8) {
      uint64_t value;
      std::memcpy(&value, piece_.data() + offset, sizeof value);
      look(mapping, at + offset, value);
    }
  }
}

}  // namespace

void find_pointers(const AddressSpace& space, ProcessMemory& memory, const std::vector<StackBounds>& stacks,
                   Profile::Serving* serving) {
  Scan scan(space, memory, serving);
  for (const AddressSpace::Mapping& mapping : space.mappings()) {
    if (!mapping.writable || !mapping.readable) continue;
    uint64_t from = mapping.low;
    for (const StackBounds& stack : stacks) {  // a mapping holds at most one: guard pages lie between them
      if (!mapping.contains(stack.low)) continue;
      scan.range(mapping, std::max(mapping.low, stack.low - kRedZone), std::min(mapping.high, stack.live));
      from = mapping.path == "[stack]" ? mapping.high : std::max(from, std::min(mapping.high, stack.high));
    }
    scan.range(mapping, from, mapping.high);
  }
}

}  // namespace libguard
