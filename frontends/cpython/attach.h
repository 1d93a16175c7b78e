// SPDX-License-Identifier: Apache-2.0
// Attaching to an interpreter as it starts: what exists already is tagged, what makes code is wrapped.
//
// Way:     *events*.
// Thread:  with the GIL; at an interpreter's first events, before any code but the runtime's runs in it.
// Failure: a layout that is not what Python says ends the process with one line.
#pragma once

#include "frontends/cpython/interpreters.h"

namespace libguard {

// Takes the hooks into the process, before the interpreter starts, and says hello. `problem` is why not, else null.
const char* install_python_frontend();

// The current interpreter, attached as far as it exists by now; null if there is none.
Interpreter* attach_now();

// All that attach_now waits for in the main interpreter is done.
bool is_attached();

// A file is about to be opened. An interpreter that is only starting runs code without telling (from 3.11 on the search
// for its standard library): it is tagged before its first call that is judged.
void note_early_open();
// Before the first code that is not the interpreter's own: puts on what protects code directories, once. The supervisor
// makes it ready while the interpreter starts.
void put_on_shield();

}  // namespace libguard
