// SPDX-License-Identifier: Apache-2.0
// Which system calls change files by path, and where their paths stand.
//
// Way:     events -> verdict -> *action*: the table behind Paths.
// Thread:  constant table.
// Failure: a call that is not in it is not looked at; tests/unit/notify_paths_test.cc compares it with the groups.
#pragma once

#include <string_view>

namespace libguard {

struct PathArgument {
  int dirfd = -1, path = -1;  // numbers of arguments; -1: none (the working directory, no path)
};

struct PathCall {
  int nr;
  bool follows;  // a symbolic link as last component is followed
  bool moves;    // names are taken away or given: counts for a directory above a protected one too
  PathArgument paths[2];
};

// Null: changes nothing by path, or opens (is_open_call).
const PathCall* path_call(int nr);
bool is_open_call(int nr);

// Does the call make, or take away, the entry of its path number `argument`?
enum class EntryChange { kNone, kMakes, kTakes };
EntryChange entry_change(int nr, int argument);

// Does the text name the memory of a process? For processes whose paths cannot be looked up.
bool mentions_memory(std::string_view path);

}  // namespace libguard
