// SPDX-License-Identifier: Apache-2.0
// Pins: names in bpffs that keep the programs attached when the supervisor dies: its death must not open the door.
//
// Way:     verdict -> *action*: the lifetime of the refusing.
// Thread:  the serving thread.
// Failure: no bpffs and no right to mount it: an Error, and refusing stays with notify, whose calls answer ENOSYS then.
//
// Below /sys/fs/bpf/libguard there is one directory per supervisor, named by its pid: the links, and the maps that the
// supervisor reads and writes. It goes when no guarded process is left: at the end of the supervisor, or else at the
// start of the next one that pins. A supervisor that takes over from a dead one gives the directory its own name.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "core/base/result.h"

struct bpf_object_skeleton;

namespace libguard {

class Pins {
 public:
  // Mounts bpffs where nobody has. Error: that cannot be done.
  static Status prepare();
  // Pins what a loaded and attached skeleton holds. Sweeps first.
  static Result<std::string> pin(bpf_object_skeleton& skeleton, const std::map<std::string, int>& maps);
  // Removes the directory if no process of its map is alive; true: it is gone.
  static bool release(const std::string& directory);
  // The same for every directory whose supervisor has ended.
  static void sweep();

  static constexpr char kRoot[] = "/sys/fs/bpf/libguard";  // protected from the guarded
  static std::string directory_of(pid_t supervisor);
  // Supervisors that ended and left something pinned.
  static std::vector<pid_t> abandoned();
  // Living processes of the guard that is pinned there.
  static std::vector<pid_t> guarded(const std::string& directory);
  // The directory of a dead supervisor becomes this process'; only one of several can have it. Its new name.
  static Result<std::string> claim(pid_t supervisor);
};

}  // namespace libguard
