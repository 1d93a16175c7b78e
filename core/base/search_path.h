// SPDX-License-Identifier: Apache-2.0
// Commands by name, as the shell finds them.
//
// Way:     what the user types -> files.
// Thread:  any; the environment must not change meanwhile.
// Failure: a name that is found nowhere stays as it is.
#pragma once

#include <string>
#include <vector>

namespace libguard {

// The directories of PATH, without empty ones; the system's own where PATH is not set.
std::vector<std::string> path_directories();

// The real path of what a bare name stands for; a path as it is, without links.
std::string found_in_path(const std::string& name);

}  // namespace libguard
