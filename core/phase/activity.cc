// SPDX-License-Identifier: Apache-2.0
// Reads task states, times and sockets from /proc/PID.
//
// Way:     see activity.h.
// Thread:  see activity.h.
// Failure: see activity.h.
#include "core/phase/activity.h"

#include <dirent.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <unordered_set>

namespace libguard {
namespace {

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

Directory open_directory(const std::string& path) { return {::opendir(path.c_str()), ::closedir}; }

std::string process_path(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

// "TID (name) S ...": the name may hold anything, so from the last parenthesis.
char task_state(const std::string& task) {
  std::ifstream file(task + "/stat");
  std::string line;
  std::getline(file, line);
  size_t name_end = line.rfind(')');
  return name_end == std::string::npos || name_end + 2 >= line.size() ? 0 : line[name_end + 2];
}

uint64_t task_nanoseconds(const std::string& task) {
  std::ifstream file(task + "/schedstat");
  uint64_t on_cpu = 0;
  file >> on_cpu;
  return on_cpu;
}

std::unordered_set<uint64_t> socket_inodes(pid_t pid) {
  std::unordered_set<uint64_t> inodes;
  std::string path = process_path(pid, "fd");
  Directory directory = open_directory(path);
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    char target[64];
    ssize_t length = ::readlink((path + "/" + entry->d_name).c_str(), target, sizeof(target) - 1);
    unsigned long long inode = 0;
    if (length <= 0) continue;
    target[length] = 0;
    if (std::sscanf(target, "socket:[%llu]", &inode) == 1) inodes.insert(inode);
  }
  return inodes;
}

// Lines of /proc/PID/net/tcp: "sl local remote st tx:rx tr:when retrnsmt uid timeout inode"; st 0A is LISTEN.
bool any_tcp(const std::string& path, const std::unordered_set<uint64_t>& inodes) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    unsigned state = 0;
    unsigned long long inode = 0;
    if (std::sscanf(line.c_str(), "%*s %*s %*s %x %*s %*s %*s %*s %*s %llu", &state, &inode) == 2 && state == 0x0a &&
        inodes.count(inode) != 0)
      return true;
  }
  return false;
}

// Lines of /proc/PID/net/unix: "num refcount protocol flags type st inode path"; flag 0x10000 is __SO_ACCEPTCON.
bool any_unix(const std::string& path, const std::unordered_set<uint64_t>& inodes) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    unsigned flags = 0;
    unsigned long long inode = 0;
    if (std::sscanf(line.c_str(), "%*s %*s %*s %x %*s %*s %llu", &flags, &inode) == 2 && (flags & 0x10000) != 0 &&
        inodes.count(inode) != 0)
      return true;
  }
  return false;
}

bool names(const std::string& path, const std::string& name) {
  if (path.empty()) return false;
  return path == name || path.substr(path.rfind('/') + 1) == name;
}

}  // namespace

Activity read_activity(pid_t pid) {
  Activity seen;
  std::string path = process_path(pid, "task");
  Directory directory = open_directory(path);
  seen.blocked = true;
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    if (entry->d_name[0] == '.') continue;
    std::string task = path + "/" + entry->d_name;
    char state = task_state(task);
    if (state == 0 || state == 'Z' || state == 'X') continue;
    seen.threads++;
    seen.blocked = seen.blocked && state == 'S';
    seen.cpu_nanoseconds += task_nanoseconds(task);
  }
  seen.alive = seen.threads != 0;
  return seen;
}

bool listens(pid_t pid) {
  std::unordered_set<uint64_t> inodes = socket_inodes(pid);
  if (inodes.empty()) return false;
  return any_tcp(process_path(pid, "net/tcp"), inodes) || any_tcp(process_path(pid, "net/tcp6"), inodes) ||
         any_unix(process_path(pid, "net/unix"), inodes);
}

bool is_called(pid_t pid, const std::string& name) {
  char executable[4096];
  ssize_t length = ::readlink(process_path(pid, "exe").c_str(), executable, sizeof(executable));
  if (length > 0 && names(std::string(executable, static_cast<size_t>(length)), name)) return true;
  std::ifstream file(process_path(pid, "cmdline"));
  std::string word;
  // A script is called by its own name: "python /usr/bin/gunicorn".
  for (int i = 0; i < 2 && std::getline(file, word, '\0'); i++)
    if (names(word, name)) return true;
  return false;
}

}  // namespace libguard
