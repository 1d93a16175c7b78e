// SPDX-License-Identifier: Apache-2.0
// Place: the file that a guarded process means by a path, held by descriptor so that it cannot be swapped.
//
// Way:     events -> *verdict*: for rules about files: protected paths, opens done by the supervisor.
// Thread:  the serving thread only.
// Failure: an errno as the call itself would give it.
#pragma once

#include <sys/stat.h>

#include <string>

#include "core/backend/notify/task.h"

namespace libguard {

struct Place {
  Place() = default;
  ~Place();
  Place(Place&& other) noexcept;
  Place& operator=(Place&& other) noexcept;

  int fd = -1;  // O_PATH
  struct stat info {};
  std::string path;      // where it is now, as the supervisor sees it
  bool on_proc = false;  // procfs
};

// Text at `address`: false: unreadable (EFAULT) or longer than a path may be (*error).
bool read_path(Process& process, uint64_t address, std::string* out, int* error);

// Finds `path` as the thread would: relative to its cwd or to directory descriptor `dirfd`; /proc/self is the thread's.
// 0, or the errno. `follow`: also a symbolic link as last component.
// REQUIRES: the process has the supervisor's root directory and mounts (it is not confined).
int find_place(const Thread& thread, int dirfd, const std::string& path, bool follow, Place* out);

// Splits "a/b/c" into "a/b" and "c"; "c" into "." and "c"; "/c" into "/" and "c". Trailing slashes are kept with c.
void split_last(const std::string& path, std::string* parent, std::string* name);

}  // namespace libguard
