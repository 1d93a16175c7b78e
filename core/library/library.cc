// SPDX-License-Identifier: Apache-2.0
// The table of libraries of one guard, and sets of their numbers.
//
// Way:     see library.h.
// Thread:  the supervisor's serving thread only.
// Failure: a full table answers kUnknown and counts it.
#include "core/library/library.h"

#include <bit>

#include "core/base/check.h"

namespace libguard {

bool LibrarySet::empty() const {
  uint64_t any = 0;
  for (uint64_t bits : word) any |= bits;
  return any == 0;
}

LibrarySet& LibrarySet::operator|=(const lg_set& other) {
  for (size_t i = 0; i < std::size(word); i++) word[i] |= other.word[i];
  return *this;
}

bool LibrarySet::operator==(const LibrarySet& other) const {
  for (size_t i = 0; i < std::size(word); i++)
    if (word[i] != other.word[i]) return false;
  return true;
}

std::vector<LibraryId> LibrarySet::ids() const {
  std::vector<LibraryId> found;
  for (size_t i = 0; i < std::size(word); i++)
    for (uint64_t bits = word[i]; bits != 0; bits &= bits - 1)
      found.push_back(static_cast<LibraryId>(i * 64 + static_cast<size_t>(std::countr_zero(bits))));
  return found;
}

LibraryTable::LibraryTable() {
  for (std::string_view name : {kUnknownName, kApplicationName, kRuntimeName, kStartupName}) {
    by_purl_.emplace(name, static_cast<LibraryId>(libraries_.size()));
    libraries_.push_back({std::string(name), {}});
  }
  LG_CHECK(libraries_.size() == LG_FIRST_LIBRARY);
}

LibraryId LibraryTable::intern(std::string_view purl, std::string_view path) {
  auto [entry, added] = by_purl_.try_emplace(std::string(purl), LibraryId::kUnknown);
  if (!added) return entry->second;
  if (libraries_.size() >= LG_MAX_LIBRARIES) {
    overflowed_++;
    by_purl_.erase(entry);
    return LibraryId::kUnknown;
  }
  entry->second = static_cast<LibraryId>(libraries_.size());
  libraries_.push_back({std::string(purl), std::string(path)});
  return entry->second;
}

LibraryId LibraryTable::find(std::string_view purl) const {
  auto entry = by_purl_.find(std::string(purl));
  return entry == by_purl_.end() ? LibraryId::kUnknown : entry->second;
}

const Library& LibraryTable::at(LibraryId id) const {
  // Numbers also come from code tables in guarded memory: one that was never given out is nobody.
  return libraries_[number(id) < libraries_.size() ? number(id) : number(LibraryId::kUnknown)];
}

}  // namespace libguard
