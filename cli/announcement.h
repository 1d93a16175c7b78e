// SPDX-License-Identifier: Apache-2.0
// Announcement: the JSON file by which a supervisor makes itself known to `libguard status`.
//
// Way:     beside the judging; nobody trusts this file for judging.
// Thread:  main thread.
// Failure: a directory that cannot be written: no announcement, the guard goes on.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace libguard {

struct Announced {
  int supervisor = 0;  // pid
  int program = 0;     // pid of the first guarded program
  std::string mode, backend, policy_path, policy_digest, events_path, started, application;
  std::vector<std::string> command;
  bool recording = false;
  std::vector<std::string> in_kernel;  // rights that the kernel judges; the others are notify's
  bool abandoned = false;              // its supervisor died; what the kernel refused it goes on refusing
  std::vector<std::pair<std::string, std::string>> protections;  // path, by what
};

// $XDG_RUNTIME_DIR/libguard, else /run/libguard for root, else /tmp/libguard-UID.
std::string announcement_directory();

// Written at construction, removed at destruction.
class Announcement {
 public:
  explicit Announcement(const Announced& announced);
  ~Announcement();
  void keep() { path_.clear(); }                  // it stays when this object goes
  void update(const Announced& announced) const;  // the same guard, something else is in force
  Announcement(const Announcement&) = delete;
  Announcement& operator=(const Announcement&) = delete;

 private:
  std::string path_;
};

// Those whose supervisor lives, and those that the kernel goes on guarding without; files of others are removed.
std::vector<Announced> read_announcements();
// Is `pid` the supervisor, the first program, or a task below one of them?
bool belongs_to(const Announced& guard, int pid);
std::string to_json_text(const std::vector<Announced>& all);

}  // namespace libguard
