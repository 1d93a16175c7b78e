// SPDX-License-Identifier: Apache-2.0
// Verb: one sub-command of libguard. Each cli/NAME.cc adds its own with add_NAME(app, verbs).
//
// Way:     what the user types -> one function.
// Thread:  main thread.
// Failure: run() prints one line with a hint on stderr and answers the documented exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <vector>

namespace libguard {

struct Verb {
  CLI::App* app;
  std::function<int()> run;  // the exit code of the process
};
using Verbs = std::vector<Verb>;

}  // namespace libguard
