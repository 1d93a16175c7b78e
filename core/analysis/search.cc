// SPDX-License-Identifier: Apache-2.0
// Search paths, $ORIGIN, ld.so.cache.
//
// Way:     see search.h.
// Thread:  see search.h.
// Failure: a broken ld.so.cache holds nothing.
#include "core/analysis/search.h"

#include <cstring>

namespace libguard {
namespace {

constexpr size_t kLargestCache = 16u << 20;
constexpr std::string_view kCacheMagic = "glibc-ld.so.cache1.1";
constexpr size_t kCacheHeader = 48, kCacheEntry = 24;
constexpr uint32_t kLibc6ForX8664 = 0x0303;

template <class T>
T read_at(std::string_view bytes, size_t offset) {
  T value{};
  if (offset <= bytes.size() && bytes.size() - offset >= sizeof value)
    std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string text_at(std::string_view bytes, size_t offset) {
  if (offset >= bytes.size()) return "";
  size_t end = bytes.find('\0', offset);
  return end == std::string_view::npos ? "" : std::string(bytes.substr(offset, end - offset));
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string expand(std::string directory, std::string_view origin) {
  for (std::string_view name : {"${ORIGIN}", "$ORIGIN"}) replace_all(directory, name, origin);
  for (std::string_view name : {"${LIB}", "$LIB"}) replace_all(directory, name, "lib/x86_64-linux-gnu");
  for (std::string_view name : {"${PLATFORM}", "$PLATFORM"}) replace_all(directory, name, "x86_64");
  return directory;
}

}  // namespace

LibrarySearch::LibrarySearch(const Tree& tree, std::string_view interpreter) : tree_(tree) {
  if (interpreter.find("ld-musl") != std::string_view::npos) {
    defaults_ = {"/lib", "/usr/local/lib", "/usr/lib"};
    read_musl_path();
  } else {
    defaults_ = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
    read_cache();
  }
}

void LibrarySearch::read_musl_path() {
  auto text = tree_.read("/etc/ld-musl-x86_64.path", kLargestCache);
  if (!text) return;
  replace_all(*text, "\n", ":");
  defaults_ = {*text};
}

void LibrarySearch::read_cache() {
  auto bytes = tree_.read("/etc/ld.so.cache", kLargestCache);
  if (!bytes) return;
  size_t start = bytes->find(kCacheMagic);
  if (start == std::string::npos) return;
  std::string_view cache = std::string_view(*bytes).substr(start);
  uint32_t count = read_at<uint32_t>(cache, kCacheMagic.size());
  for (uint32_t i = 0; i < count && kCacheHeader + (size_t{i} + 1) * kCacheEntry <= cache.size(); i++) {
    size_t entry = kCacheHeader + i * kCacheEntry;
    if (read_at<uint32_t>(cache, entry) != kLibc6ForX8664 || read_at<uint64_t>(cache, entry + 16) != 0) continue;
    std::string name = text_at(cache, read_at<uint32_t>(cache, entry + 4));
    cache_.emplace(std::move(name), text_at(cache, read_at<uint32_t>(cache, entry + 8)));
  }
}

std::optional<std::string> LibrarySearch::library_at(const std::string& path) const {
  RealPath real = tree_.real_path(path);
  if (!real.facts.is_file() || !real.inside.empty()) return std::nullopt;
  // A linker script (libc.so) or a library of another machine is not what the loader takes.
  auto head = tree_.read_head(real.path, 20);
  bool fits = head && head->size() == 20 && head->substr(0, 5) == "\177ELF\2" && (*head)[18] == 62;
  return fits ? std::optional(real.path) : std::nullopt;
}

std::optional<std::string> LibrarySearch::in_directories(std::string_view list, std::string_view origin,
                                                         std::string_view name) const {
  while (!list.empty()) {
    size_t colon = list.find(':');
    std::string directory = expand(std::string(list.substr(0, colon)), origin);
    if (directory.starts_with("/"))
      if (auto found = library_at(directory + "/" + std::string(name))) return found;
    list.remove_prefix(colon == std::string_view::npos ? list.size() : colon + 1);
  }
  return std::nullopt;
}

std::optional<std::string> LibrarySearch::find(std::string_view name, const Importer& importer) const {
  if (name.find('/') != std::string_view::npos) return library_at(expand(std::string(name), parent_of(importer.path)));
  if (importer.runpath.empty())
    for (const auto& [file, rpath] : importer.rpaths)
      if (auto found = in_directories(rpath, parent_of(file), name)) return found;
  if (auto found = in_directories(importer.runpath, parent_of(importer.path), name)) return found;
  auto cached = cache_.find(std::string(name));
  if (cached != cache_.end())
    if (auto found = library_at(cached->second)) return found;
  for (const std::string& directories : defaults_)
    if (auto found = in_directories(directories, "", name)) return found;
  return std::nullopt;
}

}  // namespace libguard
