// SPDX-License-Identifier: Apache-2.0
// Finds closed directories and lists siblings.
//
// Way:     before the first event.
// Thread:  see separation.h.
// Failure: see separation.h.
#include "core/backend/notify/separation.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace libguard {
namespace {

constexpr size_t kMostEntries = 4096;  // of a directory above: each costs a rule

std::string parent_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}
std::string last_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string child_of(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}
bool is_below(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         (directory == "/" || path[directory.size()] == '/');
}

bool is_system_directory(const std::string& directory) {
  bool named = directory == "/" || directory == "/opt" || directory == "/usr" || is_below(directory, "/usr");
  struct stat info;
  return named && stat(directory.c_str(), &info) == 0 && info.st_uid == 0 && (info.st_mode & 022) == 0;
}

// Has an interpreter, or is a virtual environment. ~/.local has other people's files too.
bool is_prefix(const std::string& directory) {
  auto has = [&](const char* name) { return access((directory + name).c_str(), F_OK) == 0; };
  return has("/pyvenv.cfg") || (has("/bin/python3") && last_of(directory) != ".local");
}

bool is_inside_prefix(const std::string& directory) {
  if (is_prefix(directory)) return true;
  std::string lib = last_of(directory).starts_with("python3.") ? parent_of(directory) : directory;
  bool is_lib = last_of(lib) == "lib" || last_of(lib) == "lib64";
  return is_lib && is_prefix(parent_of(lib));
}

// Names of a directory; false if it cannot be read or is too large.
bool list(const std::string& directory, std::vector<std::string>* names) {
  std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
  if (!open) return false;
  while (const dirent* entry = readdir(open.get())) {
    std::string name = entry->d_name;
    if (name == "." || name == ".." || entry->d_type == DT_LNK) continue;  // a link has nothing to change behind it
    if (names->size() == kMostEntries) return false;
    names->push_back(std::move(name));
  }
  return true;
}

// Remembers what it has looked at: paths share the directories above them.
class Looker {
 public:
  explicit Looker(const ClosedRule& closed) : closed_(closed) {}
  // All directories above are closed and can be listed. Fills them in, innermost first.
  bool above(const std::string& path, std::vector<std::string>* directories) {
    for (std::string at = path; at != "/";) {
      at = parent_of(at);
      if (!good(at)) return false;
      directories->push_back(at);
    }
    return true;
  }
  const std::vector<std::string>& names(const std::string& directory) { return seen_[directory].names; }

 private:
  struct Seen {
    bool good = false;
    std::vector<std::string> names;
  };
  bool good(const std::string& directory) {
    auto [at, fresh] = seen_.try_emplace(directory);
    if (fresh) at->second.good = closed_(directory) && list(directory, &at->second.names);
    return at->second.good;
  }
  const ClosedRule& closed_;
  std::map<std::string, Seen> seen_;
};

}  // namespace

bool is_closed_directory(const std::string& directory) {
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK, AT_EACCESS) != 0) return true;
  return is_system_directory(directory) || is_inside_prefix(directory);
}

Separation separate(const std::vector<std::string>& paths, const ClosedRule& closed) {
  std::vector<std::string> sorted(paths);  // what holds another comes first
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  Separation result;
  Looker looker(closed);
  std::vector<std::string> roots;
  std::set<std::string> above;
  for (const std::string& path : sorted) {
    bool covered =
        std::any_of(roots.begin(), roots.end(), [&](const std::string& root) { return is_below(path, root); });
    std::vector<std::string> directories;
    struct stat info;
    bool real = path.size() > 1 && path[0] == '/' && lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    if (!real || (!covered && !looker.above(path, &directories))) {
      result.shared.push_back(path);
      continue;
    }
    result.separated.push_back(path);
    if (covered) continue;
    roots.push_back(path);
    above.insert(directories.begin(), directories.end());
  }
  result.closed.assign(above.begin(), above.end());
  for (const std::string& directory : above) {
    for (const std::string& name : looker.names(directory)) {
      std::string path = child_of(directory, name);
      bool root = std::find(roots.begin(), roots.end(), path) != roots.end();
      if (!root && above.count(path) == 0) result.allowed.push_back(std::move(path));
    }
  }
  return result;
}

}  // namespace libguard
