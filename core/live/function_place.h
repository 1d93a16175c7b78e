// SPDX-License-Identifier: Apache-2.0
// FunctionPlace: where a function that somebody named stands in the memory of a process.
//
// Way:     what the user types -> *place in the memory* -> phase.
// Thread:  one at a time; keeps what it read of each file.
// Failure: 0: no such function in the files that the process has mapped now.
//
//   NAME               a symbol of the program, else of the first of its libraries that has it
//   FILE:NAME          a symbol of that file: a path, or its last part
//   FILE+0xADDRESS     an address as objdump shows it: for files without symbols
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/base/result.h"

namespace libguard {

class FunctionPlace {
 public:
  static Result<FunctionPlace> parse(const std::string& text);
  uint64_t find(pid_t pid);

 private:
  std::optional<uint64_t> address_in(const std::string& host_path, const std::string& path);

  std::string file_, symbol_;
  std::optional<uint64_t> address_;
  std::map<std::string, std::optional<uint64_t>> known_;  // by path
};

}  // namespace libguard
