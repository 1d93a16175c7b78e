// SPDX-License-Identifier: Apache-2.0
// The file system below a root directory: facts about files, real paths, small reads.
//
// Way:     below the resolver; "/" for a guard, a fixture directory in tests.
// Thread:  any; keeps no state.
// Failure: what cannot be read does not exist.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace libguard {

// Tells one file from any other, whatever its names; none: no inode.
struct FileIdentity {
  uint64_t device = 0, inode = 0;
  explicit operator bool() const { return inode != 0; }
  bool operator==(const FileIdentity&) const = default;
};

struct FileFacts {
  enum class Kind : uint8_t { kMissing, kFile, kDirectory, kOther };
  Kind kind = Kind::kMissing;
  int64_t changed_ns = 0;  // ctime: unprivileged code cannot set it
  uint64_t size = 0;
  uint32_t owner = 0;
  uint32_t mode = 0;
  FileIdentity identity;
  bool is_file() const { return kind == Kind::kFile; }
  bool is_directory() const { return kind == Kind::kDirectory; }
};

// A path with its symbolic links followed inside the root.
struct RealPath {
  std::string path;            // without links; where the walk ended if the rest lies in an archive or is missing
  std::string inside;          // "pkg/mod.py" when `path` is a regular file and more follows (an archive)
  FileFacts facts;             // of `path`
  int64_t newest_link_ns = 0;  // latest ctime of the links that were followed
};

class Tree {
 public:
  explicit Tree(std::string_view root);  // absolute
  RealPath real_path(std::string_view path) const;
  FileFacts facts(std::string_view path) const { return real_path(path).facts; }
  std::optional<std::string> read(std::string_view path, size_t limit) const;  // larger files: nothing
  std::optional<std::string> read_head(std::string_view path, size_t length) const;
  std::vector<std::string> list(std::string_view directory) const;  // names, sorted

 private:
  bool look_without_links(std::string_view path, RealPath& real) const;
  std::string host(std::string_view path) const;
  std::string root_;  // without trailing '/'; empty for "/"
};

// "/a/./b/../c//d" -> "/a/c/d", by text alone; empty if `path` is not absolute.
std::string normal_path(std::string_view path);
std::string_view parent_of(std::string_view path);                 // "/a/b" -> "/a", "/a" -> "/", "/" -> ""
std::string_view name_of(std::string_view path);                   // "/a/b" -> "b"
bool is_below(std::string_view path, std::string_view directory);  // strictly

}  // namespace libguard
