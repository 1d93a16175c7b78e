// SPDX-License-Identifier: Apache-2.0
// Which Debian package owns a file, read from dpkg's own file lists.
//
// Way:     a native mapping, an executable, or code that no distribution owns -> resolver -> *here*.
// Thread:  one thread; the lists are read by a thread of its own after begin(), else when a question needs them all.
// Failure: without dpkg's database nobody owns anything.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
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
  size_t files() const { return interpreters_.files.size() + others_.files.size(); }  // after the first question

 private:
  struct File {
    uint64_t hash;  // of the path
    uint32_t package;
  };
  struct Diversion {
    std::string from, to, by;
  };
  // Some of the lists, whole.
  struct Lists {
    std::vector<std::string> packages;  // names without architecture
    std::vector<File> files;
    std::vector<uint32_t> slots;  // 1 + index into files by hash, linear probing; 0: empty
    void index();
    // The package that lists `path`; with `only` that package alone, with `except` any but that one. Null: none.
    const std::string* listed(std::string_view path, std::string_view only, std::string_view except) const;
  };
  void load();
  void finish();
  // The package of `path` by looking into the lists of packages that are called like it; nothing: nobody knows yet.
  std::optional<std::string> guess(std::string_view path) const;
  const std::string* of_interpreters(std::string_view path);
  bool is_diverted(std::string_view path) const;
  std::string version_of(std::string_view package);
  std::string purl_of(const std::string& package);
  void load_list(const std::string& name, Lists& lists);
  void load_diversions();
  const std::string* listed(std::string_view path, std::string_view only, std::string_view except) const;
  const std::string* owner(std::string_view path) const;

  const Tree& tree_;
  bool asked_ = false, loaded_ = false;
  std::atomic<bool> stop_{false};  // the loader: nobody will ask
  std::thread loader_;
  std::string distribution_;  // "debian", "ubuntu"
  // Those of interpreters and their modules come first: a program starts with their files, and all take milliseconds.
  Lists interpreters_, others_;
  std::promise<void> interpreters_read_;
  std::future<void> interpreters_ready_ = interpreters_read_.get_future();
  std::vector<Diversion> diversions_;
  std::optional<std::string> status_;  // dpkg's status file
};

}  // namespace libguard
