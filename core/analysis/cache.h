// SPDX-License-Identifier: Apache-2.0
// Summaries of files that were analysed before, in the user's cache directory.
//
// Way:     file -> summary, without the work.
// Thread:  load() and store() from any thread.
// Failure: a cache that cannot be read or written is no error: it is counted and the file is analysed again.
//
// An entry is named by the build id and the SHA-256 of the whole file: a file that lies about its build id finds
// nothing and spoils nothing.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/analysis/elf_image.h"
#include "core/analysis/summary.h"

namespace libguard {

class SummaryCache {
 public:
  struct Counts {
    uint64_t found = 0, missing = 0, broken = 0, unwritable = 0;
  };
  // Empty: nothing is kept on disk, only in memory, for the analyses that share this object.
  explicit SummaryCache(std::string directory) : directory_(std::move(directory)) {}
  static std::string default_directory();  // $XDG_CACHE_HOME/libguard/analysis, else ~/.cache/…; empty if neither
  static std::string key_of(const ElfImage& image);
  std::shared_ptr<const Summary> load(const std::string& key);  // empty: not there
  void store(const std::string& key, const std::shared_ptr<const Summary>& summary);
  Counts counts() const { return {found_, missing_, broken_, unwritable_}; }

 private:
  std::string path_of(const std::string& key) const;
  std::string directory_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Summary>> memory_;
  std::atomic<uint64_t> found_{0}, missing_{0}, broken_{0}, unwritable_{0};
};

}  // namespace libguard
