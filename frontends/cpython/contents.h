// SPDX-License-Identifier: Apache-2.0
// Bytes of code files that were read and not yet turned into code: the identity of code is what it was made from.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  any; own lock, no Python object is kept.
// Failure: forgotten bytes make code that belongs to its creator.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace libguard {

// Keeps bytes (from malloc, taken over) together with the answer for the file that they came from.
void keep_content(char* bytes, size_t length, uint64_t answer);

// Were exactly these bytes read from a code file? The newest such file's answer; the bytes are forgotten.
bool take_content(const char* bytes, size_t length, uint64_t* answer);

// What a .pyc has before its marshalled code.
constexpr size_t kBytecodeHeader = 16;

}  // namespace libguard
