// SPDX-License-Identifier: Apache-2.0
// Separation: which protected paths Landlock can tell from everything else, and what must be allowed around them.
//
// Way:     before the first event, and after each hello that makes code directories known.
// Thread:  pure functions over the file system.
// Failure: of a directory that cannot be looked at nothing is allowed: the supervisor opens what lies there.
//
// Landlock knows only what is allowed, with all that lies below it. A directory is *separated*, kept from all changes,
// by allowing every sibling of it and of the directories above it. In those directories above nothing can be made or
// removed any more, so they must be ones in which the guarded program makes nothing: *closed* directories.
//
// Where one above is *open*, Landlock keeps a protected path from being opened for writing, and from no more: in the
// open directory names come and go, but only what is allowed by name can be opened for writing.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace libguard {

using ClosedRule = std::function<bool(const std::string& directory)>;

// Closed are: a directory that this user may not write; one of root's system directories (/, /usr and below, /opt) that
// only root may write; the inside of an interpreter or virtual environment above its lib/pythonX.Y.
bool is_closed_directory(const std::string& directory);

struct Separation {
  std::vector<std::string> separated;  // directories, and what lies in them, that Landlock can protect
  std::vector<std::string> shared;     // files, and directories with an open one above them
  std::vector<std::string> closed;     // the directories above the separated ones: their entries stay as they are
  std::vector<std::string> open;       // above shared ones, and this user may write there
  std::vector<std::string> allowed;    // all around both kinds, but procfs: what must stay changeable
};

// `paths`: absolute real paths; they need not exist. Only directories are separated: closing all directories above is
// too much for a file. `data`: directories below one of the paths in which everything may be changed, unless one of the
// paths lies there.
Separation separate(const std::vector<std::string>& paths, const ClosedRule& closed = is_closed_directory,
                    const std::vector<std::string>& data = {});

}  // namespace libguard
