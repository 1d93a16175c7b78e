// SPDX-License-Identifier: Apache-2.0
// A supervisor of a few lines: answers marker calls by simple rules and reads the program area, for tests of the
// client.
//
// Way:     stands in for everything behind the marker calls.
// Thread:  one; run() returns when the program has ended.
// Failure: throws std::runtime_error; these are tests.
#pragma once

#include <linux/seccomp.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bpf/abi.h"

namespace libguard::test {

constexpr uint16_t kFirstTestLibrary = LG_FIRST_LIBRARY;

// Which files are whose: a directory and the library of what lies below it.
struct Root {
  std::string directory;
  uint16_t library;
  bool trusted;
  std::string package;  // in front of the names of its modules: "liba"; empty for none
};

struct ProgramResult {
  int status = -1;  // exit status; 128 + n for signals
  std::string out;  // stdout and stderr
  int hellos = 0;
  uint64_t resolves = 0;
};

class FakeSupervisor {
 public:
  explicit FakeSupervisor(std::vector<Root> roots) : roots_(std::move(roots)) {}
  bool enforce = false;
  bool answers_hello = true;
  bool holds_path_calls = false;    // also notifies calls on paths, and lets them go on after a moment
  std::string commands_of_runtime;  // a -c text that is the runtime's own

  // Runs a program under a filter that notifies marker calls, with the client preloaded. The program may ask for
  // facts over descriptors 100 (requests, one per line) and 101 (answers, one per line).
  ProgramResult run(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment,
                    const std::string& client);

 private:
  long answer(const ::seccomp_notif& call);
  long hello(pid_t pid, uint64_t address);
  uint64_t resolve(pid_t pid, uint64_t address);
  std::string module_of(const std::string& relative) const;
  std::string request(const std::string& line);
  std::string entry(uint64_t code);
  std::string name_of(uint32_t function);
  bool read(uint64_t address, void* to, size_t size);

  std::vector<Root> roots_;
  pid_t pid_ = -1;
  lg_hello hello_ = {};
  uint64_t site_ = 0;  // call site of the first marker call
  ProgramResult result_;
  std::map<uint32_t, std::string> modules_;  // by hash
  std::vector<std::string> log_;             // operations and hand-offs since the last question
  std::set<int> refused_;
  std::map<pid_t, long> in_force_;
  uint64_t last_id_ = 0;
  uint64_t interrupted_ = 0;  // notifications that a signal took back before they were answered
  long next_note_ = 1;
};

}  // namespace libguard::test
