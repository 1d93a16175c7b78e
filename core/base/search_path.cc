// SPDX-License-Identifier: Apache-2.0
// PATH, split and searched.
//
// Way:     see search_path.h.
// Thread:  see search_path.h.
// Failure: see search_path.h.
#include "core/base/search_path.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace libguard {

std::vector<std::string> path_directories() {
  const char* path = std::getenv("PATH");
  std::string list = path == nullptr ? "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" : path;
  std::vector<std::string> directories;
  for (size_t at = 0; at <= list.size();) {
    size_t end = std::min(list.find(':', at), list.size());
    if (end > at) directories.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return directories;
}

std::string found_in_path(const std::string& name) {
  if (name.find('/') == std::string::npos) {
    for (const std::string& directory : path_directories())
      if (std::string candidate = directory + "/" + name; ::access(candidate.c_str(), X_OK) == 0)
        return found_in_path(candidate);
    return name;
  }
  std::unique_ptr<char, void (*)(void*)> real(::realpath(name.c_str(), nullptr), std::free);
  return real == nullptr ? name : std::string(real.get());
}

}  // namespace libguard
