// SPDX-License-Identifier: Apache-2.0
// CodeFiles: the files whose code each recorded program really had in its memory.
//
// Way:     events -> *profile*: what static analysis has to look at, and what a container has to hold.
// Thread:  the serving thread; the caller of a noted call must be waiting for its answer.
// Failure: a file that cannot be named is left out: its program has ended or its file is gone.
#pragma once

#include <map>
#include <set>
#include <string>

#include "core/backend/backend.h"

namespace libguard {

class CodeFiles {
 public:
  static constexpr size_t kMaxFiles = 65536;

  // `own`: libguard's client, which is no part of the program.
  explicit CodeFiles(std::string own) : own_(std::move(own)) {}

  void on_program(const std::string& executable);
  // An executable mapping of a file is about to be made.
  void on_mapping(const Call& call, const std::string& executable);

  const std::map<std::string, std::set<std::string>>& files() const { return files_; }  // by executable

 private:
  void add(const std::string& executable, const std::string& path);
  void add_mapped(pid_t pid, const std::string& executable);

  std::string own_;
  std::map<std::string, std::set<std::string>> files_;
  std::set<std::pair<pid_t, uint32_t>> read_;  // process and program whose first mappings, made by exec, were read
  size_t count_ = 0;
};

}  // namespace libguard
