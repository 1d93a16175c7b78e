// SPDX-License-Identifier: Apache-2.0
// Lines of .pth files: what the site module executes belongs to the library that owns the file.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  keep and find: any, under lg_lock; the line that is being executed is each thread's own.
// Failure: a line that is not found is its creator's: unknown, because only the runtime is there.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "frontends/cpython/interpreter.h"

namespace libguard {

// Keeps the content of a .pth file (from malloc, taken over) with the answer for it.
void keep_lines(char* bytes, size_t length, uint64_t answer);

// exec(text) is about to run: if the function of `site` that executes such lines calls it with one of a file that was
// kept, the code made of it is the file's.
void begin_line(Object* text);
void end_line();

// Is this the code of that line? Then it gets its owner.
bool tag_line(Object* code);

}  // namespace libguard
