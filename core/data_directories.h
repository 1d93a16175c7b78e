// SPDX-License-Identifier: Apache-2.0
// Directories of data inside the application's directory: found while recording, placed where a policy names them.
//
// Way:     recording -> *profile* -> policy -> *verdict*.
// Thread:  note() on the serving thread; the rest before or after it.
// Failure: more than kMost directories: the rest is not noted. A directory that cannot be read counts as one with code.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace libguard {

// Where the policy's `data` is: real paths. What is not there (`missing`: absolute), or leads out of the application's
// directory, allows nothing. Refused: if one of `own_files` lies in it.
struct DataDirectories {
  std::vector<std::string> places, missing;
};
Result<DataDirectories> place_data(const std::vector<std::string>& data, const std::string& application,
                                   const std::vector<std::string>& own_files);

// While recording: where the program writes that enforce would keep whole.
class WrittenDirectories {
 public:
  static constexpr size_t kMost = 4096;

  // application: real path of its directory; empty: there is none.
  explicit WrittenDirectories(std::string application) : application_(std::move(application)) {}

  // Bytecode caches count for nothing: under enforce Python writes none.
  static bool is_cache(std::string_view path);

  // An entry of a protected directory was written, made, renamed or removed.
  void note(std::string_view path);

  struct Found {
    std::vector<std::string> data;         // inside the application's directory, relative to it, without code; sorted
    std::vector<std::string> beside_code;  // of each other directory an entry that was written, absolute; sorted
  };
  // Looks at the directories as they are now.
  Found find() const;

 private:
  const std::string application_;
  std::map<std::string, std::set<std::string>> written_;  // directory -> some entries
};

}  // namespace libguard
