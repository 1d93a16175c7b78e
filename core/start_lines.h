// SPDX-License-Identifier: Apache-2.0
// Recognises the `-c` texts by which multiprocessing starts its own programs.
//
// Way:     a program's `-c` text -> is it the runtime's own, or unknown code?
// Thread:  pure function.
// Failure: anything but exactly such a line is not one.
#pragma once

#include <string_view>

namespace libguard {

// True if `text` is a start line of multiprocessing's spawn, forkserver or resource tracker, with nothing but
// literals as arguments. CPython 3.9 to 3.14 (Lib/multiprocessing/{spawn,forkserver,resource_tracker}.py).
bool is_multiprocessing_start_line(std::string_view text);

}  // namespace libguard
