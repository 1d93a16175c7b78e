// SPDX-License-Identifier: Apache-2.0
// Which Debian package owns a file, read from dpkg's own file lists.
//
// Way:     a native mapping, an executable, or code that no distribution owns -> resolver -> *here*.
// Thread:  one thread; the lists are read by a thread of its own after begin(), else when a question needs them all.
// Failure: without dpkg's database nobody owns anything.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
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
  // The package of `path` by looking into the lists of packages that are called like it; nothing: nobody knows yet.
  std::optional<std::string> guess(std::string_view path) const;
  std::string version_of(std::string_view package);
  std::string purl_of(const std::string& package);
  void load_list(const std::string& name);
  void load_diversions();
  // The package that lists `path`; with `only` that package alone, with `except` any but that one.
  std::optional<uint32_t> listed(std::string_view path, std::string_view only, std::string_view except) const;
  std::optional<uint32_t> owner(std::string_view path) const;

  const Tree& tree_;
  bool asked_ = false, loaded_ = false;
  std::atomic<bool> stop_{false};  // the loader: nobody will ask
  std::thread loader_;
  std::string distribution_;           // "debian", "ubuntu"
  std::vector<std::string> packages_;  // names without architecture
  std::vector<File> files_;
  std::vector<uint32_t> slots_;  // 1 + index into files_ by hash, linear probing; 0: empty
  std::vector<Diversion> diversions_;
  std::optional<std::string> status_;  // dpkg's status file
};

}  // namespace libguard
