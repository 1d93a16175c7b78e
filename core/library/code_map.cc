// SPDX-License-Identifier: Apache-2.0
// Longest-prefix map of code, and module names.
//
// Way:     see code_map.h.
// Thread:  one.
// Failure: none.
#include "core/library/code_map.h"

#include <algorithm>

#include "core/library/tree.h"

namespace libguard {

void CodeMap::add(std::string_view path, Owner owner) { owners_.insert_or_assign(std::string(path), owner); }

const Owner* CodeMap::at(std::string_view path) const {
  auto entry = owners_.find(path);
  return entry == owners_.end() ? nullptr : &entry->second;
}

const Owner* CodeMap::find(std::string_view path) const {
  for (; !path.empty(); path = parent_of(path))
    if (const Owner* owner = at(path)) return owner;
  return nullptr;
}

uint32_t CodeMap::add_import_root(std::string_view directory, std::string_view prefix) {
  for (size_t i = 0; i < roots_.size(); i++)
    if (roots_[i].directory == directory && roots_[i].prefix == prefix) return static_cast<uint32_t>(i);
  roots_.push_back({std::string(directory), std::string(prefix)});
  return static_cast<uint32_t>(roots_.size() - 1);
}

std::string_view module_stem(std::string_view file_name) {
  for (std::string_view suffix : {".py", ".pyc"})
    if (file_name.ends_with(suffix)) return file_name.substr(0, file_name.size() - suffix.size());
  size_t so = file_name.find(".so");
  if (so == std::string_view::npos) return file_name;
  return file_name.substr(0, file_name.find('.'));
}

std::string module_name(std::string_view path, const ImportRoot& root) {
  std::string_view relative;
  if (is_below(path, root.directory)) relative = path.substr(root.directory == "/" ? 1 : root.directory.size() + 1);
  if (relative.empty() && root.prefix.empty()) relative = name_of(path);  // a script outside its import root
  std::string_view file = name_of(relative);
  std::string_view package = relative.substr(0, relative.size() - file.size());
  std::string name = root.prefix;
  auto append = [&name](std::string_view part) {
    if (part.empty()) return;
    if (!name.empty()) name += '.';
    name += part;
  };
  while (!package.empty()) {
    size_t slash = package.find('/');
    append(package.substr(0, slash));
    package.remove_prefix(std::min(package.size(), slash + 1));
  }
  std::string_view stem = module_stem(file);
  if (stem != "__init__" || name.empty()) append(stem);
  return name;
}

}  // namespace libguard
