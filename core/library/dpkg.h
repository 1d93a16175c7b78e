// SPDX-License-Identifier: Apache-2.0
// Which Debian package owns a file, read from dpkg's own file lists.
//
// Way:     a native mapping, an executable, or code that no distribution owns -> resolver -> *here*.
// Thread:  one thread; the lists are read by a thread of its own after begin(), else at the first question.
// Failure: without dpkg's database nobody owns anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/library/tree.h"

namespace libguard {

class Dpkg {
 public:
  explicit Dpkg(const Tree& tree) : tree_(tree) {}
  ~Dpkg();
  // Reads the lists beside what the caller does next: thousands of files on a machine with many packages.
  void begin();
  // The purl of the package that owns this real path: "pkg:deb/debian/git@1:2.39.5-0%2Bdeb12u2".
  std::optional<std::string> owner_of(std::string_view path);
  size_t files() const { return files_.size(); }  // after the first question

 private:
  struct File {
    uint64_t hash;  // of the path
    uint32_t package;
  };
  struct Diversion {
    std::string from, to, by;
  };
  void load();
  void finish();
  void index();
  void load_list(const std::string& name);
  void load_versions();
  void load_diversions();
  // The package that lists `path`; with `only` that package alone, with `except` any but that one.
  std::optional<uint32_t> listed(std::string_view path, std::string_view only, std::string_view except) const;
  std::optional<uint32_t> owner(std::string_view path) const;

  const Tree& tree_;
  bool loaded_ = false;
  std::thread loader_;
  std::string distribution_;           // "debian", "ubuntu"
  std::vector<std::string> packages_;  // names without architecture
  std::vector<File> files_;
  std::vector<uint32_t> slots_;        // 1 + index into files_ by hash, linear probing; 0: empty
  std::vector<Diversion> diversions_;
  std::unordered_map<std::string, std::string> versions_;
};

}  // namespace libguard
