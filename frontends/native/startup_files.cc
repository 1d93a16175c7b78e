// SPDX-License-Identifier: Apache-2.0
// Interposes fopen: what an interpreter does before its first audit event is seen from here.
//
// Way:     *events*.
// Thread:  any; after the start of the interpreter it only looks at one flag.
// Failure: none of its own: the call is made in any case.
#include <dlfcn.h>
#include <stdio.h>

#include "frontends/cpython/attach.h"

namespace {

using Open = FILE* (*)(const char*, const char*);

FILE* open_after_note(Open& next, const char* name, const char* path, const char* mode) {
  if (!next) {
    void* address = dlsym(RTLD_NEXT, name);
    __builtin_memcpy(&next, &address, sizeof next);
  }
  libguard::note_early_open();
  return next(path, mode);
}

Open g_fopen, g_fopen64;

}  // namespace

#pragma GCC visibility push(default)
extern "C" {
FILE* fopen(const char* path, const char* mode) { return open_after_note(g_fopen, "fopen", path, mode); }
FILE* fopen64(const char* path, const char* mode) { return open_after_note(g_fopen64, "fopen64", path, mode); }
}
#pragma GCC visibility pop
