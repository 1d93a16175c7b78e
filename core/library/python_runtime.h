// SPDX-License-Identifier: Apache-2.0
// Where the code of one CPython interpreter lies: standard library, site directories, virtual environment.
//
// Way:     a program says hello -> *its directories* -> resolver.
// Thread:  pure functions over the file system.
// Failure: directories that do not exist are left out; a virtual environment made after the guard's start is ignored.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/library/resolver.h"
#include "core/library/tree.h"

namespace libguard {

// All paths are real paths.
struct PythonDirectories {
  std::vector<std::string> standard_library;
  std::vector<std::string> site;    // the virtual environment's own first
  std::vector<std::string> images;  // the interpreter and its shared library
};

PythonDirectories python_directories(const Tree& tree, const ResolverOptions& options, const PythonRuntime& runtime);

}  // namespace libguard
