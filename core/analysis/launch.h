// SPDX-License-Identifier: Apache-2.0
// Which programs does a file start? Scripts: their interpreter and the commands they name. Programs: those whose path
// they hold, if they can exec.
//
// Way:     image or script -> *programs* -> one analysis each.
// Thread:  one.
// Failure: names that are put together at run time are not found; the user names them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/analysis/analysis.h"
#include "core/library/tree.h"

namespace libguard {

// Real path of an executable file: a path, relative to `directory`, or a name looked up in `search_path`. Empty: none.
std::string find_executable(const Tree& tree, const std::string& name, const std::vector<std::string>& search_path,
                            const std::string& directory);
bool is_elf(const Tree& tree, const std::string& path);
// The executables that a script names: its interpreter first, then every word that is one. Empty: it is no script.
std::vector<std::string> programs_of_script(const Tree& tree, const std::string& path,
                                            const std::vector<std::string>& search_path);
// The executables whose absolute path a program that can exec holds.
std::vector<std::string> programs_started_by(const Analysis& analysis);

}  // namespace libguard
