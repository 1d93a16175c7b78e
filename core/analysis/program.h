// SPDX-License-Identifier: Apache-2.0
// One process as the loader would build it: files in scope order, symbols bound, functions of all files numbered.
//
// Way:     summaries -> *link* -> closure.
// Thread:  load_*() from one thread (they use several); afterwards const except for caches: one thread.
// Failure: a program that cannot be read is an Error; a missing library is listed in `missing`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/analysis/cache.h"
#include "core/analysis/search.h"
#include "core/analysis/summary.h"
#include "core/library/tree.h"

namespace libguard {

using Node = uint32_t;  // a function of the process
inline constexpr Node kNoNode = UINT32_MAX;

struct Module {
  std::string path;  // real path below the root
  std::shared_ptr<const Summary> summary;
  Node base = 0;           // node of its first function
  bool opened = false;     // by dlopen, not needed by the program
  bool asked_for = false;  // opened itself, not because an opened one needs it: its exports are looked up by name
  std::vector<uint32_t> local_scope;  // of an opened one
  std::vector<std::pair<std::string, std::string>> rpaths;
};

struct DataPlace {
  uint32_t module = 0;
  uint64_t address = 0;
};

struct LoadProgress {
  size_t done = 0, total = 0;
  std::string file;
};

struct LoadSettings {
  std::string root = "/";
  unsigned threads = 2;
  SummaryCache* cache = nullptr;
  std::function<void(const LoadProgress&)> progress;  // from any thread, one at a time
};

class Program {
 public:
  explicit Program(LoadSettings settings);
  ~Program();
  Status load_main(const std::string& path);
  // As by dlopen; path or name. False if it cannot be found or read.
  Status open_library(const std::string& name, uint32_t importer = 0);
  // After the last load; again after another one. Numbers of functions stay as they are. False: something that was
  // bound to nothing has been found now.
  bool link();

  static constexpr uint32_t kNoModule = UINT32_MAX;
  const std::vector<Module>& modules() const { return modules_; }
  const Summary& summary(uint32_t module) const { return *modules_[module].summary; }
  uint32_t loader() const { return loader_; }  // kNoModule: static
  size_t node_count() const { return owner_.size(); }
  uint32_t module_of(Node node) const { return owner_[node]; }
  const SummaryFunction& function(Node node) const;
  const SummaryFunction& next_function(Node node) const;
  Node node_at(uint32_t module, uint64_t address) const;
  Node resolve(uint32_t module, uint32_t reference) const;  // tail bit ignored
  std::optional<DataPlace> resolve_data(uint32_t module, uint32_t symbol, uint64_t address) const;
  Node exported(uint32_t module, std::string_view name) const;
  std::vector<Node> exports(uint32_t module) const;  // functions
  std::string name_of(Node node) const;              // exported name, symbol, or sub_ADDRESS
  bool is_resolver(Node node) const { return resolver_[node] != 0; }
  const Tree& tree() const { return tree_; }

  struct Copy {
    uint32_t module;
    uint64_t begin, end;
    uint32_t from;
    uint64_t from_address;
  };
  const std::vector<Copy>& copies() const { return copies_; }
  std::vector<std::string> missing;  // "libx.so.1 (needed by /usr/bin/prog)"
  uint64_t bytes_read = 0;

 private:
  struct Pending;
  struct Definition {
    uint32_t module, symbol;
  };
  Result<uint32_t> add(const std::string& path);
  Status summarise_pending();
  Status ask_wrappers();
  Status load_tree(uint32_t root, std::vector<uint32_t>& order);
  LibrarySearch::Importer importer_of(uint32_t module) const;
  std::optional<Definition> bind(uint32_t module, uint32_t symbol) const;
  std::optional<Definition> bind_in(uint32_t module, uint32_t symbol) const;
  void find_copies();
  bool find_unbound(uint32_t first_new);

  LoadSettings settings_;
  Tree tree_;
  std::unique_ptr<LibrarySearch> search_;
  std::vector<Module> modules_;
  std::unordered_map<std::string, uint32_t> by_path_, by_name_;
  std::vector<std::unique_ptr<Pending>> pending_;
  std::vector<uint32_t> global_scope_;
  uint32_t loader_ = kNoModule;
  std::vector<uint32_t> owner_;
  std::vector<uint8_t> resolver_, in_global_;
  std::unordered_map<std::string_view, std::vector<Definition>> definitions_;  // in the order of the global scope
  mutable std::vector<std::vector<Node>> symbol_nodes_;
  std::vector<Copy> copies_;
  uint32_t linked_ = 0;              // modules
  std::vector<Definition> unbound_;  // symbols of opened modules
  bool changed_ = false;             // since wrappers were asked for
};

}  // namespace libguard
