// SPDX-License-Identifier: Apache-2.0
// Pins: names in bpffs that keep the programs attached when the supervisor dies: its death must not open the door.
//
// Way:     verdict -> *action*: the lifetime of the refusing.
// Thread:  the serving thread.
// Failure: no bpffs, or no right to it: an Error, and refusing stays with notify, whose calls answer ENOSYS then.
//
// Below /sys/fs/bpf/libguard there is one directory per supervisor, named by its pid: the links, and the map of the
// guarded processes. It goes when no guarded process is left: at the end of the supervisor, or else at the start of the
// next one that pins.
#pragma once

#include <string>

#include "core/base/result.h"

struct bpf_object;
struct bpf_object_skeleton;

namespace libguard {

class Pins {
 public:
  // Pins what a loaded and attached skeleton holds. Sweeps first.
  static Result<std::string> pin(bpf_object_skeleton& skeleton, int processes_map);
  // Removes the directory if no process of its map is alive; true: it is gone.
  static bool release(const std::string& directory);
  // The same for every directory whose supervisor has ended.
  static void sweep();
};

}  // namespace libguard
