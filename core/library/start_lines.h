// SPDX-License-Identifier: Apache-2.0
// Tells the -c text of multiprocessing's own worker processes from all other -c text.
//
// Way:     a program's command line -> *runtime or unknown* -> the library of its "<string>" code.
// Thread:  pure function.
// Failure: what is not exactly such a line is not one.
#pragma once

#include <string_view>

namespace libguard {

// Exactly a call of spawn_main, the resource tracker's or the fork server's main with literal arguments (and sys.argv).
bool is_multiprocessing_start_line(std::string_view text);

}  // namespace libguard
