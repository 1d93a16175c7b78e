// SPDX-License-Identifier: Apache-2.0
// Finds zlib's functions in the process; zipimport cannot inflate without it either.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  with the GIL.
// Failure: see inflate.h.
#include "frontends/cpython/inflate.h"

#include <dlfcn.h>
#include <string.h>

namespace libguard {
namespace {

struct Stream {  // z_stream of zlib 1.x
  const uint8_t* next_in;
  unsigned available_in;
  unsigned long total_in;
  char* next_out;
  unsigned available_out;
  unsigned long total_out;
  const char* message;
  void *state, *allocate, *release, *opaque;
  int data_type;
  unsigned long check, reserved;
};

constexpr int kRawDeflate = -15, kFinish = 4, kStreamEnd = 1;

struct Zlib {
  int (*init)(Stream*, int, const char*, int);
  int (*inflate)(Stream*, int);
  int (*end)(Stream*);
};

template <class T>
void find(void* library, const char* name, T& function) {
  void* address = dlsym(library, name);
  memcpy(&function, &address, sizeof function);
}

const Zlib& zlib() {
  static Zlib found;
  if (found.end) return found;
  void* library = dlopen("libz.so.1", RTLD_LAZY | RTLD_NOLOAD);
  void* where = library ? library : RTLD_DEFAULT;
  find(where, "inflateInit2_", found.init);
  find(where, "inflate", found.inflate);
  find(where, "inflateEnd", found.end);
  return found;
}

}  // namespace

bool inflate_raw(const uint8_t* data, size_t length, char* to, size_t size) {
  const Zlib& functions = zlib();
  if (!functions.init || !functions.inflate || !functions.end) return false;
  Stream stream = {};
  stream.next_in = data;
  stream.available_in = static_cast<unsigned>(length);
  stream.next_out = to;
  stream.available_out = static_cast<unsigned>(size);
  if (functions.init(&stream, kRawDeflate, "1.2.11", sizeof stream) != 0) return false;
  bool whole = functions.inflate(&stream, kFinish) == kStreamEnd && stream.total_out == size;
  functions.end(&stream);
  return whole;
}

}  // namespace libguard
