// SPDX-License-Identifier: Apache-2.0
// Inflates with the zlib that the interpreter has loaded.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  any.
// Failure: false: no zlib here, or not just `size` bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace libguard {

// Raw deflate data (no header) of exactly `size` bytes.
bool inflate_raw(const uint8_t* data, size_t length, char* to, size_t size);

}  // namespace libguard
