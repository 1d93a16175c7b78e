// SPDX-License-Identifier: Apache-2.0
// Refusing to start: one line, one exit status.
//
// Way:     before everything.
// Thread:  any; async-signal-safe.
// Failure: this is it.
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libguard/frontend.h"

namespace {

iovec part(const char* text) { return {const_cast<char*>(text), strlen(text)}; }

}  // namespace

extern "C" void lg_refuse_start(const char* what, const char* hint) {
  iovec line[] = {part("libguard: "), part(what), part(" ("), part(hint), part(")\n")};
  if (writev(2, line, 5) < 0) _exit(125);
  _exit(125);
}
