// SPDX-License-Identifier: Apache-2.0
// The application's directory: chosen once, when a guard is made.
//
// Way:     the command line of `libguard run|record` or of a door -> *the directory* -> resolver.
// Thread:  pure functions over the file system.
// Failure: Error with the hint `--app DIR` where the choice would take in foreign code.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/library/tree.h"

namespace libguard {

struct ApplicationQuestion {
  std::vector<std::string> command;  // "python3", "-X", "dev", "app.py", …
  std::string working_directory;     // absolute
  std::string home;                  // of the user, may be empty
  std::string explicit_directory;    // --app; empty: choose
  std::string temporary;             // $TMPDIR, may be empty
};

// The real path of the directory whose unowned files are the application: the directory of __main__, or the working
// directory for -m, -c, standard input and console scripts. Never "/", a home directory itself, a temporary directory
// or a directory of the system; an explicit directory may be any but "/".
Result<std::string> choose_application_dir(const ApplicationQuestion& question, const Tree& tree);

// The script that a Python command line runs, as it is written; empty for -m, -c, standard input and other programs.
std::string script_of(const std::vector<std::string>& command);

}  // namespace libguard
