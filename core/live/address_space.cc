// SPDX-License-Identifier: Apache-2.0
// Reads /proc/PID/maps.
//
// Way:     see address_space.h.
// Thread:  see address_space.h.
// Failure: see address_space.h.
#include "core/live/address_space.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>

namespace libguard {
namespace {

constexpr size_t kMostRows = 200'000;  // kept per file

}  // namespace

const UnwindRow* LiveFile::row_at(uint64_t address) const {
  if (rows_.size() >= kMostRows) rows_.clear();
  auto [found, fresh] = rows_.try_emplace(address);
  if (fresh) found->second = rules.at(address);
  return found->second ? &*found->second : nullptr;
}

std::optional<uint64_t> LiveFile::address_of(uint64_t file_offset) const {
  for (const ElfSegment& segment : image.segments)
    if (file_offset >= segment.file_offset && file_offset - segment.file_offset < segment.file_size)
      return segment.memory.begin + (file_offset - segment.file_offset);
  return std::nullopt;
}

FrameParts& LiveFile::parts() const {
  if (!parts_) parts_ = std::make_unique<FrameParts>(image);
  return *parts_;
}

const LiveFile* LiveFiles::open(const std::string& path) {
  auto [found, fresh] = files_.try_emplace(path);
  if (!fresh) return found->second.get();
  auto image = ElfImage::open(path, path);
  if (image) found->second = std::make_unique<LiveFile>(path, std::move(*image));
  return found->second.get();
}

bool AddressSpace::refresh() {
  std::ifstream maps("/proc/" + std::to_string(pid_) + "/maps");
  std::vector<Mapping> found;
  std::set<std::string> with_code;
  for (std::string line; std::getline(maps, line);) {
    unsigned long low, high, offset;
    char rights[5];
    int path = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %lx %*s %*s %n", &low, &high, rights, &offset, &path) < 4) continue;
    Mapping mapping{low, high, offset, rights[0] == 'r', rights[1] == 'w', rights[2] == 'x', {}, nullptr};
    if (path > 0 && static_cast<size_t>(path) < line.size()) mapping.path = line.substr(static_cast<size_t>(path));
    if (mapping.executable && mapping.path.starts_with("/")) with_code.insert(mapping.path);
    found.push_back(std::move(mapping));
  }
  if (found.empty()) return false;
  for (Mapping& mapping : found)
    if (with_code.count(mapping.path)) mapping.file = files_.open(mapping.path);
  mappings_ = std::move(found);
  return true;
}

const AddressSpace::Mapping* AddressSpace::mapping_of(uint64_t address) const {
  auto after = std::upper_bound(mappings_.begin(), mappings_.end(), address,
                                [](uint64_t a, const Mapping& mapping) { return a < mapping.low; });
  if (after == mappings_.begin() || !std::prev(after)->contains(address)) return nullptr;
  return &*std::prev(after);
}

std::optional<CodePlace> AddressSpace::place_of(uint64_t address) const {
  const Mapping* mapping = mapping_of(address);
  if (mapping == nullptr || mapping->file == nullptr) return std::nullopt;
  auto inside = mapping->file->address_of(mapping->offset + (address - mapping->low));
  return inside ? std::optional(CodePlace{mapping->file, *inside}) : std::nullopt;
}

std::optional<CodePlace> AddressSpace::code_at(uint64_t address) const {
  const Mapping* mapping = mapping_of(address);
  return mapping != nullptr && mapping->executable ? place_of(address) : std::nullopt;
}

}  // namespace libguard
