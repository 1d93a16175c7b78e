// SPDX-License-Identifier: Apache-2.0
// Shield: Landlock rulesets that keep protected paths from being changed, whoever swaps a path in the meantime.
//
// Way:     events -> verdict -> *action*: behind the supervisor's own look, which makes each refusal an event.
// Thread:  the serving thread, or before it; what prepare() makes is made on a thread of its own.
// Failure: no Landlock, no path that can be separated, no room for rules: no ruleset; reason() says why. The
//          supervisor's look stays.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/backend/notify/separation.h"

namespace libguard {

// Version of Landlock on this kernel; 0: none. From 2 on (Linux 5.19) renames are held, from 3 on (6.2) truncate too.
int landlock_version();

// What keeps one protected path from being changed.
struct Protection {
  std::string path;
  bool by_landlock = false;  // else by the supervisor's look alone
  bool operator==(const Protection&) const = default;
};

// Words for people.
const char* protection_text(bool by_landlock);

class Shield {
 public:
  explicit Shield(bool wanted, ClosedRule closed = is_closed_directory, std::vector<std::string> data = {});
  ~Shield();
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;

  // Makes a new ruleset unless the last one keeps these paths. `for_opens`: also if none of them can be separated, so
  // that the ruleset only keeps them from being opened for writing.
  void protect(std::vector<std::string> paths, bool for_opens = true);
  // The same, but it is ready only after settle(): a ruleset takes milliseconds, in which a runtime can start.
  void prepare(std::vector<std::string> paths);
  bool settle();  // waits for what was prepared; false: there was nothing
  // No ruleset for these yet: the supervisor's look alone.
  void only_look(const std::vector<std::string>& paths);

  // May a process under these layers (bit g - 1: the ruleset of generation g) open what is at `path` for writing, and
  // nothing that is protected now, whatever becomes of its path meanwhile? `file`: what is there, or the directory in
  // which it is to be made. False also where it is not known: generations over kMostLayers, names that came later.
  bool lets_write(uint32_t layers, std::string_view path, const struct stat& file) const;
  static uint32_t layer(uint32_t generation) { return generation - 1 < kMostLayers ? 1u << (generation - 1) : 0; }
  // Is descriptor `fd` of process `pid` the current ruleset?
  bool is_ruleset(pid_t pid, int fd) const;

  int ruleset() const { return ruleset_; }             // for landlock_restrict_self; -1: none
  uint32_t generation() const { return generation_; }  // of the ruleset; 0: none
  const std::vector<Protection>& protections() const { return protections_; }
  const std::vector<std::string>& closed() const { return closed_directories_; }  // sorted; empty without a ruleset
  const std::string& reason() const { return reason_; }  // why there is no ruleset; empty if there is one

 private:
  static constexpr uint32_t kMostLayers = 32;
  struct Identity {
    dev_t device;
    ino_t inode;
    bool operator==(const Identity&) const = default;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  // What a ruleset allows to write, by path, as it was when the ruleset was made.
  using Zone = std::unordered_map<std::string, Identity, Hash, std::equal_to<>>;
  struct Made {
    Separation found;
    int ruleset = -1;  // none is needed, or `error` says why there is none
    int error = 0;
    Zone zone;
  };
  bool is_new(std::vector<std::string>& paths, bool for_opens);
  Made make(const std::vector<std::string>& paths, bool for_opens) const;
  void build(Made& made) const;
  void take(Made made);
  const Zone& zone_of(uint32_t layers) const;

  const bool wanted_;
  const ClosedRule closed_;
  const std::vector<std::string> data_;  // directories below protected ones that stay changeable
  const int version_;
  int ruleset_ = -1;
  uint32_t generation_ = 0;
  std::vector<std::string> asked_;  // what the last one was asked to keep, sorted
  bool asked_for_opens_ = false;
  std::future<Made> coming_;
  std::vector<Zone> zones_;                            // by generation - 1
  mutable std::unordered_map<uint32_t, Zone> common_;  // of several layers: what all of them name
  std::vector<std::string> closed_directories_;
  std::vector<Protection> protections_;
  std::string reason_;
};

}  // namespace libguard
