// SPDX-License-Identifier: Apache-2.0
// Finds closed directories and lists siblings.
//
// Way:     before the first event.
// Thread:  see separation.h.
// Failure: see separation.h.
#include "core/backend/notify/separation.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace libguard {
namespace {

// Of a directory above: each costs a rule, some microseconds. Where too many lie in an open one, none is allowed, and
// the supervisor opens what lies there.
constexpr size_t kMostEntries = 4096, kMostOpenEntries = 512;

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

// Names of a directory without symbolic links; false if it cannot be read or is too large.
bool list(const std::string& directory, std::vector<std::string>* names) {
  std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(directory.c_str()), closedir);
  if (!open) return false;
  while (const dirent* entry = readdir(open.get())) {
    std::string name = entry->d_name;
    if (name == "." || name == ".." || entry->d_type == DT_LNK) continue;  // a link has nothing to change behind it
    if (names->size() == kMostEntries) {
      names->clear();
      return false;
    }
    names->push_back(std::move(name));
  }
  return true;
}

// Remembers what it has looked at: paths share the directories above them.
class Looker {
 public:
  explicit Looker(const ClosedRule& closed) : closed_(closed) {}
  // All directories above are closed and can be listed.
  bool separates(const std::string& path) {
    for (std::string at = path; at != "/";) {
      at = parent_of(at);
      const Seen& seen = look(at);
      if (!seen.closed || !seen.listed) return false;
    }
    return true;
  }
  const std::vector<std::string>& names(const std::string& directory) { return look(directory).names; }

 private:
  struct Seen {
    bool closed = false, listed = false;
    std::vector<std::string> names;
  };
  Seen& look(const std::string& directory) {
    auto [at, fresh] = seen_.try_emplace(directory);
    Seen& seen = at->second;
    if (fresh) {
      seen.closed = closed_(directory);
      seen.listed = list(directory, &seen.names);
    }
    return seen;
  }
  const ClosedRule& closed_;
  std::map<std::string, Seen> seen_;
};

void add_above(const std::string& path, std::set<std::string>* directories) {
  for (std::string at = path; at != "/";) {
    at = parent_of(at);
    directories->insert(at);
  }
}

bool may_write(const std::string& directory) { return faccessat(AT_FDCWD, directory.c_str(), W_OK, AT_EACCESS) == 0; }

bool is_procfs(const std::string& directory) {
  struct statfs info;
  return statfs(directory.c_str(), &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

}  // namespace

bool is_closed_directory(const std::string& directory) {
  return !may_write(directory) || is_system_directory(directory) || is_inside_prefix(directory);
}

Separation separate(const std::vector<std::string>& paths, const ClosedRule& closed,
                    const std::vector<std::string>& data) {
  std::set<std::string> sorted(paths.begin(), paths.end());  // what holds another comes first
  Separation result;
  Looker looker(closed);
  std::vector<std::string> roots, shared;
  std::set<std::string> closed_above, above;
  auto below_one = [](const std::string& path, const std::vector<std::string>& of) {
    return std::any_of(of.begin(), of.end(), [&](const std::string& root) { return is_below(path, root); });
  };
  for (const std::string& path : sorted) {
    struct stat info;
    bool usable = path.size() > 1 && path[0] == '/', in_separated = below_one(path, roots);
    bool directory = lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    if (in_separated || (usable && directory && !below_one(path, shared) && looker.separates(path))) {
      result.separated.push_back(path);
      if (in_separated) continue;
      roots.push_back(path);
      add_above(path, &closed_above);
    } else {
      shared.push_back(path);
      if (usable && !below_one(path, result.shared)) add_above(path, &above);
      result.shared.push_back(path);
    }
  }
  // A file whose directory is closed for another one's sake.
  for (const std::string& path : shared) {
    if (path.size() < 2 || path[0] != '/' || closed_above.count(parent_of(path)) == 0) continue;
    result.separated.push_back(path);
    std::erase(result.shared, path);
  }
  result.closed.assign(closed_above.begin(), closed_above.end());
  for (const std::string& directory : above)
    if (closed_above.count(directory) == 0 && may_write(directory)) result.open.push_back(directory);
  above.insert(closed_above.begin(), closed_above.end());
  for (const std::string& directory : above) {
    if (closed_above.count(directory) == 0 && looker.names(directory).size() > kMostOpenEntries) continue;
    for (const std::string& name : looker.names(directory)) {
      std::string path = child_of(directory, name);
      bool kept = sorted.count(path) != 0 || above.count(path) != 0;
      if (!kept && !(directory == "/" && is_procfs(path))) result.allowed.push_back(std::move(path));
    }
  }
  for (const std::string& directory : data) {
    auto keeps = [&](const std::string& path) { return path == directory || is_below(path, directory); };
    if (std::none_of(sorted.begin(), sorted.end(), keeps)) result.allowed.push_back(directory);
  }
  return result;
}

}  // namespace libguard
