// SPDX-License-Identifier: Apache-2.0
// What a backend is told when it is made.
//
// Way:     before the first event.
// Thread:  filled in by one thread; then the backend's.
// Failure: none of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "core/rights/seccomp_filter.h"  // Outcome

namespace libguard {

class Companion;

// The Landlock ruleset that a program has on before the first hello.
enum class FirstShield : uint8_t {
  kNone,        // a runtime says hello at once, and gets a better one
  kSeparating,  // if directories can be kept from all changes
  kForOpens,    // also if it only keeps files from being opened for writing
};

struct BackendOptions {
  std::vector<Outcome> outcomes;    // per right id, LG_MAX_RIGHTS of them
  const lg_matrix* matrix;          // for the free path: rights whose rows are empty are allowed without a walk
  bool observe_everything = false;  // recording: decide() is asked for every notified call
  std::string client_path;          // libguard_preload.so, to check marker calls' call sites
  Companion* companion = nullptr;   // judges some rights by itself; outlives the backend
  bool landlock = false;  // protected directories are kept by a Landlock ruleset as well, where they can be separated
  FirstShield first_shield = FirstShield::kSeparating;
  std::function<bool(const std::string& directory)> closed;  // instead of is_closed_directory, for tests
  std::set<uint32_t> killed;  // calls for which processes that serve are to be ended by the kernel itself
  // Where the function stands with which processes begin to serve; 0: not there. Null: none was named.
  std::function<uint64_t(pid_t)> find_function;
  std::function<void()> on_protections;  // what protects which path may have changed; on the serving thread
  bool tell_writes = false;              // writes to protected paths are told to the handler, not refused
  bool emulate_opens = false;  // opens for writing are done by the supervisor: no path can be swapped under its eyes
};

}  // namespace libguard
