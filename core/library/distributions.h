// SPDX-License-Identifier: Apache-2.0
// Installed Python distributions and what they own: RECORD, egg-info, editable installs, eggs, namespace packages.
//
// Way:     a site directory becomes known -> *its distributions* -> code map.
// Thread:  the supervisor's serving thread only.
// Failure: metadata that is broken, or newer than the guard, owns nothing; it is counted.
//
// RECORD is read directly. A top-level name of one distribution becomes a prefix; names of several (namespace packages)
// are split by file and by directory until each part has one owner.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/library/code_map.h"
#include "core/library/resolver.h"
#include "core/library/tree.h"

namespace libguard {

struct Distribution {
  std::string name, version;  // as its metadata writes them
  std::string purl;
  std::string site;      // the directory it is installed in
  std::string metadata;  // its .dist-info, .egg-info or egg
  int64_t installed_ns = 0;
  bool has_record = false;
  LibraryId library = LibraryId::kUnknown;  // given when first met
  bool named = false;
};

class Distributions {
 public:
  Distributions(const Tree& tree, const ResolverOptions& options, CodeMap& map);
  void add_site(const std::string& directory);  // real path
  Distribution& at(uint32_t index) { return distributions_[index]; }
  size_t size() const { return distributions_.size(); }
  // Does the distribution's RECORD name this very file?
  bool lists(uint32_t index, std::string_view path) const;
  // Directories of editable installs: code outside of any site directory.
  const std::vector<std::string>& editable_directories() const { return editable_directories_; }
  uint64_t unreadable() const { return unreadable_; }

 private:
  struct Claim {
    uint32_t distribution;
    bool by_record;
  };
  using Claims = std::unordered_map<std::string, std::vector<Claim>>;  // top-level name -> who says it is his
  struct Site {
    std::string directory;
    uint32_t import_root = 0;
    Claims claims;
    std::unordered_map<uint32_t, std::string> records;  // text of RECORD, by distribution
  };

  bool trusted(const RealPath& file) const;
  void read_dist_info(Site& site, const std::string& name);
  void read_egg_info(Site& site, const std::string& name);
  void add_egg(const Site& site, const std::string& name);
  void claim_record(Site& site, uint32_t index);
  void split_shared(const Site& site, const std::string& top, const std::vector<Claim>& claims);
  uint32_t add(const Site& site, const RealPath& metadata, std::string_view header, std::string_view stem);
  void read_editable(Site& site, uint32_t index);
  void read_egg_link(const Site& site, const std::string& name);
  void own(std::string_view path, uint32_t index, uint32_t import_root);
  void own_editable(const std::string& directory, std::string_view package, uint32_t index);

  const Tree& tree_;
  const ResolverOptions& options_;
  CodeMap& map_;
  std::vector<Distribution> distributions_;
  std::vector<std::string> editable_directories_;
  uint64_t unreadable_ = 0;
};

// The paths of a RECORD, one after the other, as they are written (quoted ones without their quotes).
class RecordReader {
 public:
  explicit RecordReader(std::string_view text) : rest_(text) {}
  bool next(std::string_view& path);

 private:
  std::string_view rest_;
  std::string quoted_;
};

// Pairs of a setuptools finder's "MAPPING: ... = {'package': '/directory', ...}" line.
std::vector<std::pair<std::string, std::string>> finder_mapping(std::string_view text);

}  // namespace libguard
