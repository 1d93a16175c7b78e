// SPDX-License-Identifier: Apache-2.0
// Paths: keeps protected files from being changed by name, and /proc/*/mem from being written.
//
// Way:     events -> verdict -> *action*: the last step of an allowed call that writes by path.
// Thread:  the serving thread only; the caller must be blocked in its call.
// Failure: what cannot be looked up is refused or left to the kernel as said below; raced opens are counted.
//
// An open for writing is carried out by the supervisor (the descriptor is given to the caller), so the file that was
// looked at is the file that is opened. Not carried out, but looked at and then left to the kernel, so that a thread
// could still swap the path in between: FIFOs, sockets, terminals and other devices; processes with another user or
// other capabilities than the supervisor; processes that confined themselves; rename, link, unlink, truncate, chmod….
#pragma once

#include <linux/seccomp.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/backend/notify/path_calls.h"
#include "core/backend/notify/places.h"
#include "core/backend/notify/task.h"

namespace libguard {

class Paths {
 public:
  Paths(std::vector<std::string> protected_paths, bool emulate, NotifyCounters& counters);

  // From now on these paths are protected, and no others.
  void protect_only(std::vector<std::string> protected_paths);
  // Landlock refuses shielded processes new entries here, and would tell nobody.
  void close_only(std::vector<std::string> sorted_directories) { closed_ = std::move(sorted_directories); }

  // Must allowed calls of this number be shown to apply()?
  static bool concerns(int nr);
  bool active() const { return emulate_ || !protected_.empty(); }

  struct Outcome {
    enum Kind { kPass, kRefuse, kDescriptor } kind = kPass;
    int error = 0;         // kRefuse: the errno
    bool guarded = false;  // kRefuse: because the file is protected, not because the call would fail anyway
    int fd = -1;           // kDescriptor: to be given to the caller and closed
    bool close_on_exec = false;
    std::string path;            // the protected file
    std::string_view what = {};  // guarded: what was tried
  };
  Outcome apply(Thread& thread, const seccomp_data& call);

  // Is this absolute path a protected file, in a protected directory, or above one? (`above` counts for renames.)
  bool is_protected(const std::string& path, bool above) const;

 private:
  struct Open {
    int dirfd;
    uint64_t path;
    uint64_t flags, mode;
  };
  bool read_open(Thread& thread, const seccomp_data& call, Open* open, Outcome* out) const;
  Outcome open_file(Thread& thread, const Open& open);
  Outcome open_existing(Thread& thread, const Open& open, const Place& place);
  Outcome create_file(Thread& thread, const Open& open, std::string path, int links);
  Outcome change(Thread& thread, const seccomp_data& call);
  bool same_rights(Thread& thread) const;
  bool forbidden(const Place& place) const;
  bool is_closed(const Thread& thread, const Place& folder, const std::string& name, EntryChange change) const;
  Outcome protect(std::string path) const;

  std::vector<std::string> protected_, closed_;
  const bool emulate_;
  NotifyCounters& counters_;
  TaskStatus own_;
};

}  // namespace libguard
