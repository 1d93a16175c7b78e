// SPDX-License-Identifier: Apache-2.0
// Which directory or file belongs to whom: longest prefix of whole components, exact files first.
//
// Way:     frontend meets a file -> resolver -> *here*.
// Thread:  one.
// Failure: none; what is not here has no owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace libguard {

enum class Place : uint8_t {
  kRuntime,       // standard library
  kDistribution,  // an installed Python distribution
  kSite,          // a site directory itself: what nobody owns below it is unowned
  kShared,        // a directory of several distributions (namespace package): only exact entries below it count
  kApplication,
};

struct Owner {
  Place place;
  uint32_t distribution = 0;  // index, only for kDistribution
  uint32_t import_root = 0;   // see CodeMap::import_root
};

// Where module names start: files below `directory` are modules of `prefix`.
struct ImportRoot {
  std::string directory;
  std::string prefix;  // "" or "package": an editable package mapped to a directory of any name
};

class CodeMap {
 public:
  void add(std::string_view path, Owner owner);    // replaces what was said about this very path
  const Owner* at(std::string_view path) const;    // this very path
  const Owner* find(std::string_view path) const;  // the path or its nearest ancestor
  uint32_t add_import_root(std::string_view directory, std::string_view prefix = {});
  const ImportRoot& import_root(uint32_t index) const { return roots_[index]; }
  size_t size() const { return owners_.size(); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, Owner, Hash, std::equal_to<>> owners_;
  std::vector<ImportRoot> roots_;
};

// Dotted name of a code file: ("/site/requests/api.py", {"/site"}) -> "requests.api"; "__init__" names its package.
std::string module_name(std::string_view path, const ImportRoot& root);

// "api.cpython-311-x86_64-linux-gnu.so" -> "api", "api.py" -> "api", "tool" -> "tool".
std::string_view module_stem(std::string_view file_name);

}  // namespace libguard
