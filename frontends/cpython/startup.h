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

// This code is executed with no frame below it: it is what was announced, else unknown.
void tag_first_code(Object* code);

}  // namespace libguard
