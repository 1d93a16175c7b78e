// SPDX-License-Identifier: Apache-2.0
// A ring of the last contents read.
//
// Way:     *events*: file -> bytes -> code object.
// Thread:  see contents.h; lg_lock.
// Failure: see contents.h.
#include "frontends/cpython/contents.h"

#include <stdlib.h>
#include <string.h>

#include "libguard/frontend.h"

namespace libguard {
namespace {

// Between reading and compiling lie only other threads that import at the same time, and files that are read and
// then not compiled (a stale .pyc).
constexpr int kRing = 64;

struct Content {
  char* bytes;
  size_t length;
  uint64_t answer;
};

Content g_ring[kRing];
unsigned g_next;

}  // namespace

void keep_content(char* bytes, size_t length, uint64_t answer) {
  lg_lock();
  Content& place = g_ring[g_next++ % kRing];
  char* old = place.bytes;
  place = {bytes, length, answer};
  lg_unlock();
  free(old);
}

bool take_content(const char* bytes, size_t length, uint64_t* answer) {
  char* taken = nullptr;
  lg_lock();
  for (unsigned back = 1; back <= kRing && !taken; back++) {
    Content& place = g_ring[(g_next - back) % kRing];
    if (!place.bytes || place.length != length || memcmp(place.bytes, bytes, length) != 0) continue;
    taken = place.bytes;
    *answer = place.answer;
    place = {};
  }
  lg_unlock();
  free(taken);
  return taken != nullptr;
}

}  // namespace libguard
