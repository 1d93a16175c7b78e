// SPDX-License-Identifier: Apache-2.0
// Interposes open and its kin: a regular file's or directory's open is never interrupted without a guard.
//
// Way:     *action*.
// Thread:  any; async-signal-safe once the constructor has run.
// Failure: the open of a FIFO, terminal or device waits for its other end: its EINTR is its own and passes through.
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "libguard/frontend.h"

// X(name): open(path, flags, mode); the second list: openat(directory, path, flags, mode). The names that end in _2 are
// what fortified programs call when there is no mode.
#define LG_OPENS(X) X(open) X(open64)
#define LG_OPENS_AT(X) X(openat) X(openat64)
#define LG_FORTIFIED_OPENS(X) X(__open_2) X(__open64_2)
#define LG_FORTIFIED_OPENS_AT(X) X(__openat_2) X(__openat64_2)

namespace {

struct {
#define X(name) int (*name)(const char*, int, ...);
  LG_OPENS(X)
  LG_FORTIFIED_OPENS(X)
#undef X
#define X(name) int (*name)(int, const char*, int, ...);
  LG_OPENS_AT(X)
  LG_FORTIFIED_OPENS_AT(X)
#undef X
} g_next;

template <class T>
void find(T& target, const char* name) {
  void* address = dlsym(RTLD_NEXT, name);
  __builtin_memcpy(&target, &address, sizeof target);
}

// Before anything else: in a child of vfork it would be too late.
__attribute__((constructor(101))) void find_opens() {
#define X(name) find(g_next.name, #name);
  LG_OPENS(X)
  LG_OPENS_AT(X)
  LG_FORTIFIED_OPENS(X)
  LG_FORTIFIED_OPENS_AT(X)
#undef X
}

bool retries(int directory, const char* path) {
  if (!lg_inside()) return false;
  struct stat found;
  int result;
  do result = fstatat(directory, path, &found, 0);
  while (result < 0 && errno == EINTR);
  bool may_wait = result == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode);
  errno = EINTR;
  return !may_wait;
}

#define LG_RETRY(directory, path, call)                                                  \
  int result;                                                                            \
  do result = call;                                                                      \
  while (__builtin_expect(result < 0 && errno == EINTR, 0) && retries(directory, path)); \
  if (__builtin_expect(result < 0 && errno == ENOSYS, 0)) lg_tell_abandoned();           \
  return result

}  // namespace

#pragma GCC visibility push(default)
extern "C" {
#define X(name)                                                        \
  int name(const char* path, int flags, ...) {                         \
    va_list rest;                                                      \
    va_start(rest, flags);                                             \
    mode_t mode = __OPEN_NEEDS_MODE(flags) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                      \
    if (__builtin_expect(!g_next.name, 0)) find(g_next.name, #name);   \
    LG_RETRY(AT_FDCWD, path, g_next.name(path, flags, mode));          \
  }
LG_OPENS(X)
#undef X

#define X(name)                                                           \
  int name(int directory, const char* path, int flags, ...) {             \
    va_list rest;                                                         \
    va_start(rest, flags);                                                \
    mode_t mode = __OPEN_NEEDS_MODE(flags) ? va_arg(rest, mode_t) : 0;    \
    va_end(rest);                                                         \
    if (__builtin_expect(!g_next.name, 0)) find(g_next.name, #name);      \
    LG_RETRY(directory, path, g_next.name(directory, path, flags, mode)); \
  }
LG_OPENS_AT(X)
#undef X

#define X(name)                                                      \
  int name(const char* path, int flags);                             \
  int name(const char* path, int flags) {                            \
    if (__builtin_expect(!g_next.name, 0)) find(g_next.name, #name); \
    LG_RETRY(AT_FDCWD, path, g_next.name(path, flags));              \
  }
LG_FORTIFIED_OPENS(X)
#undef X

#define X(name)                                                      \
  int name(int directory, const char* path, int flags);              \
  int name(int directory, const char* path, int flags) {             \
    if (__builtin_expect(!g_next.name, 0)) find(g_next.name, #name); \
    LG_RETRY(directory, path, g_next.name(directory, path, flags));  \
  }
LG_FORTIFIED_OPENS_AT(X)
#undef X

int creat(const char* path, mode_t mode) { return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char* path, mode_t mode) { return open64(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
}
#pragma GCC visibility pop
