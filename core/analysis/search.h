// SPDX-License-Identifier: Apache-2.0
// Where the dynamic loader finds a needed library.
//
// Way:     DT_NEEDED, dlopen names -> *path* -> summary.
// Thread:  any; reads files below the root.
// Failure: a library that is not found is reported by the caller, by name.
//
// Order: DT_RPATH of the importer and of those that loaded it, DT_RUNPATH of the importer, ld.so.cache, default
// directories. LD_LIBRARY_PATH is not known at this time and not looked at. Hardware variants (glibc-hwcaps): the
// plain one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/library/tree.h"

namespace libguard {

class LibrarySearch {
 public:
  LibrarySearch(const Tree& tree, std::string_view interpreter);  // the program's loader: glibc's or musl's
  struct Importer {
    std::string path, runpath;
    std::vector<std::pair<std::string, std::string>> rpaths;  // (path of the file, its DT_RPATH), innermost first
  };
  // Real path below the root.
  std::optional<std::string> find(std::string_view name, const Importer& importer) const;

 private:
  void read_cache();
  void read_musl_path();
  std::optional<std::string> in_directories(std::string_view list, std::string_view origin,
                                            std::string_view name) const;
  std::optional<std::string> library_at(const std::string& path) const;

  const Tree& tree_;
  std::unordered_map<std::string, std::string> cache_;
  std::vector<std::string> defaults_;
};

}  // namespace libguard
