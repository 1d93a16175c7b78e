// SPDX-License-Identifier: Apache-2.0
// Code that the interpreter itself runs first, without a frame below it: the main script, the text of -c.
//
// Way:     *events*.
// Thread:  with the GIL of the main interpreter.
// Failure: what was not announced is unknown.
#pragma once

#include "frontends/cpython/interpreter.h"

namespace libguard {

// An audit event cpython.run_*: the first one says what the interpreter runs; `subject` is a path or a text.
void on_announcement(const char* event, Object* subject);

// `python -m` of a compiled package (mypyc's, Cython's): is the extension of this library what the command line named?
// So is the first one that the runtime loads alone while no code file but its own has been read, and its library's
// others.
bool names_extension_of(uint16_t library);
// A code file that is not the runtime's has been read.
void end_of_start();

// This code is executed with no frame below it: it is what was announced, else unknown.
void tag_first_code(Object* code);

}  // namespace libguard
