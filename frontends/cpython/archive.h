// SPDX-License-Identifier: Apache-2.0
// Code in zip archives: the loader inflates it by itself, so its bytes are compared with what the archive holds.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  with the GIL.
// Failure: an archive that cannot be read, or no zlib in the process: the code stays unknown.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace libguard {

// This archive was opened for code.
void note_archive(const char* path);

// Are these bytes a member of an archive that was opened for code (of a .pyc: what lies behind its header)?
// The answer is that for "ARCHIVE/MEMBER".
bool find_in_archives(const char* bytes, size_t length, uint64_t* answer);

// Is this path that of a zip archive?
bool is_archive(const char* path);

}  // namespace libguard
