// SPDX-License-Identifier: Apache-2.0
// The parent door: a child that installs the filter, hands over the listener and execs the command when told to.
//
// Way:     before the first event.
// Thread:  call before any other thread exists.
// Failure: Error with a hint if the filter cannot be installed; a command that cannot be run is an outcome (126, 127).
#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/result.h"

namespace libguard {

struct SpawnOptions {
  std::vector<std::string> arguments;    // arguments[0]: looked up in PATH unless it has a slash
  std::vector<std::string> environment;  // "NAME=value"
  std::string client_path;               // put first into LD_PRELOAD; empty: none
  std::vector<sock_filter> filter;
  int ruleset = -1;  // Landlock ruleset that the child puts on itself; -1: none
};

// Same process group, terminal, working directory and descriptors as ours, like a child of a shell.
class Child {
 public:
  Child(pid_t pid, int listener, int socket, bool shielded)
      : pid_(pid), listener_(listener), socket_(socket), shielded_(shielded) {}
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;

  pid_t pid() const { return pid_; }
  bool shielded() const { return shielded_; }  // it is under the ruleset
  int take_listener();                         // the caller owns it
  void go();                                   // lets it exec
  // After its end: errno of an exec that failed, else 0. The exit status is then 126 or 127.
  int exec_error() const;

 private:
  pid_t pid_;
  int listener_;
  int socket_;
  bool shielded_;
};

Result<Child> spawn_guarded(const SpawnOptions& options);

// `environment` with `client` first in LD_PRELOAD.
std::vector<std::string> with_client(std::vector<std::string> environment, const std::string& client);

}  // namespace libguard
