// SPDX-License-Identifier: Apache-2.0
// PythonProbes: the USDT probes function__entry and function__return that some builds of CPython have.
//
// Way:     before the first event: what feeds a stack in the kernel where its user asks for that.
// Thread:  any; reads a file.
// Failure: a file without them is an Error that says so.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/library/tree.h"

namespace libguard {

struct PythonProbes {
  std::string path;  // real path of the executable
  FileIdentity file;
  std::vector<uint64_t> entries, returns;  // offsets in the file
  std::vector<uint64_t> semaphores;        // addresses: each probe that is on counts one up in its own
  uint64_t base = 0;                       // address of the first loaded page, as linked
  // 3.11: an entry is told only while every line is traced as well; the semaphores say so. Up to 3.10 it always is.
  bool traces_lines = false;
  // From 3.15 on: no probe tells of a function that an exception ends.
  bool hides_exceptions = false;
};

Result<PythonProbes> read_probes(const std::string& path);

// The executable that a command starts: found in PATH, behind its #! line and behind env(1).
Result<std::string> interpreter_of(const std::string& command, int scripts = 4);

// Does the process run that executable?
bool runs(pid_t pid, const PythonProbes& probes);
// From now on it passes its probes, and so will its forks; every other process goes on without them. No managed code
// may run meanwhile.
bool raise_semaphores(pid_t pid, const PythonProbes& probes);

}  // namespace libguard
