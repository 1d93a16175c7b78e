// SPDX-License-Identifier: Apache-2.0
// Paths: keeps protected files from being changed by name, and /proc/*/mem from being written.
//
// Way:     events -> verdict -> *action*: the last step of an allowed call that writes by path.
// Thread:  the serving thread only; the caller must be blocked in its call.
// Failure: what cannot be looked up is refused or left to the kernel as said below; raced opens are counted.
//
// Between the look at an open for writing and the open itself, a thread can swap the path. Where the shield lets the
// caller write there and nowhere where it must not, the kernel carries the open out. Elsewhere the supervisor does (the
// descriptor is given to the caller), so the file that was looked at is the file that is opened. Without a shield these
// are raced: FIFOs, sockets, terminals and other devices; processes with another user or other capabilities than the
// supervisor; processes that confined themselves. With or without: rename, link, unlink, truncate, chmod….
#pragma once

#include <linux/seccomp.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/backend/notify/path_calls.h"
#include "core/backend/notify/places.h"
#include "core/backend/notify/shield.h"
#include "core/backend/notify/task.h"

namespace libguard {

class Paths {
 public:
  // `shield` outlives this. `data`: directories below protected ones in which everything may be changed.
  Paths(std::vector<std::string> protected_paths, std::vector<std::string> data, bool emulate, const Shield& shield,
        NotifyCounters& counters);

  // From now on these paths are protected, and no others.
  void protect_only(std::vector<std::string> protected_paths);

  // Must allowed calls of this number be shown to apply()?
  static bool concerns(int nr);
  // Address of its first path; 0: none.
  static uint64_t first_path(const seccomp_data& call);
  bool active() const { return emulate_ || !protected_.empty(); }

  struct Outcome {
    enum Kind { kPass, kRefuse, kDescriptor, kDone } kind = kPass;  // kDone: carried out, the answer is 0
    int error = 0;                                                  // kRefuse: the errno
    bool guarded = false;  // kRefuse: because the file is protected, not because the call would fail anyway
    int fd = -1;           // kDescriptor: to be given to the caller and closed
    bool close_on_exec = false;
    std::string path;            // the protected file
    std::string_view what = {};  // guarded: what was tried
  };
  Outcome apply(Thread& thread, const seccomp_data& call);

  // Is this absolute path a protected file, in a protected directory, or above one? (`above` counts for renames.) What
  // lies in a data directory is not, unless it is protected itself; the directory is.
  bool is_protected(const std::string& path, bool above) const;

 private:
  struct Open {
    int dirfd;
    uint64_t path;
    uint64_t flags, mode;
    bool swappable;  // the flags are behind a pointer too
  };
  bool read_open(Thread& thread, const seccomp_data& call, Open* open, Outcome* out) const;
  Outcome open_file(Thread& thread, const Open& open);
  Outcome open_existing(Thread& thread, const Open& open, const Place& place);
  Outcome create_file(Thread& thread, const Open& open, std::string path, int links);
  Outcome change(Thread& thread, const seccomp_data& call);
  bool same_rights(Thread& thread) const;
  bool is_shielded(const Thread& thread, const Open& open, const std::string& path, const struct stat& file);
  Outcome move(Thread& thread, const seccomp_data& call, const Place folders[2], const std::string names[2]) const;
  bool forbidden(const Place& place, bool inside = false) const;  // inside: what would be made in this directory
  bool is_closed(const Thread& thread, const Place& folder, const std::string& name, EntryChange change) const;
  Outcome protect(std::string path) const;

  std::vector<std::string> protected_;
  const std::vector<std::string> data_;
  const bool emulate_;
  const Shield& shield_;
  NotifyCounters& counters_;
  TaskStatus own_;
};

}  // namespace libguard
