// SPDX-License-Identifier: Apache-2.0
// One file per summary, replaced atomically.
//
// Way:     see cache.h.
// Thread:  see cache.h.
// Failure: see cache.h.
#include "core/analysis/cache.h"

#include <sys/stat.h>

#include <cstdlib>

#include "core/base/file.h"

namespace libguard {
namespace {

bool make_directories(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return false;
    if (slash == std::string::npos) return true;
  }
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string SummaryCache::default_directory() {
  std::string base = environment("XDG_CACHE_HOME"), home = environment("HOME");
  if (base.starts_with("/")) return base + "/libguard/analysis";
  return home.starts_with("/") ? home + "/.cache/libguard/analysis" : "";
}

std::string SummaryCache::key_of(const ElfImage& image) {
  std::string_view bytes(reinterpret_cast<const char*>(image.file().data()), image.file().size());
  std::string digest = sha256_hex(bytes).substr(0, 32);
  return (image.build_id.empty() ? "none" : image.build_id) + "-" + digest;
}

std::string SummaryCache::path_of(const std::string& key) const {
  return directory_ + "/" + key + ".v" + std::to_string(Summary::kVersion);
}

std::shared_ptr<const Summary> SummaryCache::load(const std::string& key) {
  {
    std::lock_guard lock(mutex_);
    auto known = memory_.find(key);
    if (known != memory_.end()) return known->second;
  }
  auto bytes =
      directory_.empty() ? Result<std::string>(tl::unexpect, Error{Code::kNotFound, "", ""}) : read_file(path_of(key));
  if (!bytes) {
    missing_++;
    return nullptr;
  }
  auto summary = Summary::parse(*bytes);
  if (!summary) {
    broken_++;
    return nullptr;
  }
  found_++;
  auto shared = std::make_shared<const Summary>(std::move(*summary));
  std::lock_guard lock(mutex_);
  return memory_[key] = shared;
}

void SummaryCache::store(const std::string& key, const std::shared_ptr<const Summary>& summary) {
  {
    std::lock_guard lock(mutex_);
    memory_[key] = summary;
  }
  if (directory_.empty()) return;
  // Not synced: an entry that the machine lost is made again.
  if (!make_directories(directory_) ||
      !write_file_atomically(path_of(key), summary->serialise(), Lasting::kForTheMoment))
    unwritable_++;
}

}  // namespace libguard
