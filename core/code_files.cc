// SPDX-License-Identifier: Apache-2.0
// Names mapped files by /proc.
//
// Way:     see code_files.h.
// Thread:  see code_files.h.
// Failure: see code_files.h.
#include "core/code_files.h"

#include <unistd.h>

#include <climits>
#include <fstream>

namespace libguard {
namespace {

constexpr int kDescriptor = 4;  // argument of mmap

}  // namespace

void CodeFiles::add(const std::string& executable, const std::string& path) {
  if (path.empty() || path.front() != '/' || path == own_ || path.ends_with(" (deleted)") || count_ >= kMaxFiles)
    return;
  if (files_[executable].insert(path).second) count_++;
}

void CodeFiles::on_program(const std::string& executable) { add(executable, executable); }

void CodeFiles::add_mapped(pid_t pid, const std::string& executable) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t rights = line.find(' '), path = line.find('/');
    if (rights + 3 < line.size() && line[rights + 3] == 'x' && path != std::string::npos)
      add(executable, line.substr(path));
  }
}

void CodeFiles::on_mapping(const Call& call, const std::string& executable) {
  if (executable.empty()) return;
  if (read_.insert({call.pid, call.program}).second) add_mapped(call.pid, executable);
  const std::string link =
      "/proc/" + std::to_string(call.tid) + "/fd/" + std::to_string(static_cast<int>(call.args[kDescriptor]));
  char target[PATH_MAX];
  const ssize_t length = ::readlink(link.c_str(), target, sizeof(target));
  if (length > 0 && length < static_cast<ssize_t>(sizeof(target)))
    add(executable, {target, static_cast<size_t>(length)});
}

}  // namespace libguard
