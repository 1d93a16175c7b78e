// SPDX-License-Identifier: Apache-2.0
// Libraries: the unit of trust. A purl, a dense number in one guard, and sets of those numbers.
//
// Way:     events -> *stack* -> verdict: every frame is one of these numbers.
// Thread:  LibraryTable is written by the supervisor's serving thread only.
// Failure: more than LG_MAX_LIBRARIES: intern() answers kUnknown and counts it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bpf/abi.h"

namespace libguard {

// Dense number of a library in one guard, 0..LG_MAX_LIBRARIES-1; the first four are fixed (bpf/abi.h).
enum class LibraryId : uint16_t {
  kUnknown = LG_UNKNOWN,
  kApplication = LG_APPLICATION,
  kRuntime = LG_RUNTIME,
  kStartup = LG_STARTUP,
};

constexpr uint16_t number(LibraryId id) { return static_cast<uint16_t>(id); }

// Names of the four fixed libraries, as they stand in profiles, policies and events.
inline constexpr std::string_view kUnknownName = "unknown";
inline constexpr std::string_view kApplicationName = "application";
inline constexpr std::string_view kRuntimeName = "runtime";
inline constexpr std::string_view kStartupName = "startup";

// LibrarySet: struct lg_set with C++ manners.
struct LibrarySet : lg_set {
  LibrarySet() : lg_set{} {}
  explicit LibrarySet(const lg_set& set) : lg_set(set) {}
  void add(LibraryId id) { word[number(id) / 64] |= 1ull << (number(id) % 64); }
  void remove(LibraryId id) { word[number(id) / 64] &= ~(1ull << (number(id) % 64)); }
  bool has(LibraryId id) const { return word[number(id) / 64] >> (number(id) % 64) & 1; }
  bool empty() const;
  LibrarySet& operator|=(const lg_set& other);
  bool operator==(const LibrarySet& other) const;
  std::vector<LibraryId> ids() const;  // ascending
};

struct Library {
  std::string purl;  // "pkg:pypi/requests@2.31.0", or one of the four fixed names
  std::string path;  // where it was found: directory or file, may be empty
};

// purl <-> number for the life of one guard; numbers are never reused.
class LibraryTable {
 public:
  LibraryTable();  // holds the four fixed libraries
  // The number of `purl`; a new one if it was not there. kUnknown when the table is full (counted in overflowed()).
  LibraryId intern(std::string_view purl, std::string_view path = {});
  LibraryId find(std::string_view purl) const;  // kUnknown if absent
  const Library& at(LibraryId id) const;        // unknown for a number that was not given out
  size_t size() const { return libraries_.size(); }
  uint64_t overflowed() const { return overflowed_; }

 private:
  std::vector<Library> libraries_;
  std::unordered_map<std::string, LibraryId> by_purl_;
  uint64_t overflowed_ = 0;
};

}  // namespace libguard
