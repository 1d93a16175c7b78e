// SPDX-License-Identifier: Apache-2.0
// Interposes path calls, fork and others that never answer EINTR by themselves.
//
// Way:     *action*.
// Thread:  see retry.h.
// Failure: see retry.h.
#include "frontends/native/retry.h"

#include <dlfcn.h>
#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "libguard/frontend.h"

// X(name, parameters, arguments): all return int and set errno.
#define LG_RETRIED_CALLS(X)                                                                                           \
  X(unlink, (const char* path), (path))                                                                               \
  X(unlinkat, (int directory, const char* path, int flags), (directory, path, flags))                                 \
  X(rename, (const char* from, const char* to), (from, to))                                                           \
  X(renameat, (int fd, const char* from, int other, const char* to), (fd, from, other, to))                           \
  X(renameat2, (int fd, const char* from, int other, const char* to, unsigned flags), (fd, from, other, to, flags))   \
  X(mkdir, (const char* path, mode_t mode), (path, mode))                                                             \
  X(mkdirat, (int directory, const char* path, mode_t mode), (directory, path, mode))                                 \
  X(rmdir, (const char* path), (path))                                                                                \
  X(remove, (const char* path), (path))                                                                               \
  X(chmod, (const char* path, mode_t mode), (path, mode))                                                             \
  X(fchmod, (int fd, mode_t mode), (fd, mode))                                                                        \
  X(fchmodat, (int directory, const char* path, mode_t mode, int flags), (directory, path, mode, flags))              \
  X(chown, (const char* path, uid_t user, gid_t group), (path, user, group))                                          \
  X(fchown, (int fd, uid_t user, gid_t group), (fd, user, group))                                                     \
  X(lchown, (const char* path, uid_t user, gid_t group), (path, user, group))                                         \
  X(fchownat, (int directory, const char* path, uid_t user, gid_t group, int flags),                                  \
    (directory, path, user, group, flags))                                                                            \
  X(symlink, (const char* target, const char* path), (target, path))                                                  \
  X(symlinkat, (const char* target, int directory, const char* path), (target, directory, path))                      \
  X(link, (const char* from, const char* to), (from, to))                                                             \
  X(linkat, (int fd, const char* from, int other, const char* to, int flags), (fd, from, other, to, flags))           \
  X(mknod, (const char* path, mode_t mode, dev_t device), (path, mode, device))                                       \
  X(mknodat, (int directory, const char* path, mode_t mode, dev_t device), (directory, path, mode, device))           \
  X(mkfifo, (const char* path, mode_t mode), (path, mode))                                                            \
  X(mkfifoat, (int directory, const char* path, mode_t mode), (directory, path, mode))                                \
  X(truncate, (const char* path, off_t length), (path, length))                                                       \
  X(truncate64, (const char* path, off64_t length), (path, length))                                                   \
  X(utimensat, (int directory, const char* path, const struct timespec* times, int flags),                            \
    (directory, path, times, flags))                                                                                  \
  X(utimes, (const char* path, const struct timeval* times), (path, times))                                           \
  X(utime, (const char* path, const struct utimbuf* times), (path, times))                                            \
  X(setxattr, (const char* path, const char* name, const void* value, size_t size, int flags),                        \
    (path, name, value, size, flags))                                                                                 \
  X(lsetxattr, (const char* path, const char* name, const void* value, size_t size, int flags),                       \
    (path, name, value, size, flags))                                                                                 \
  X(fsetxattr, (int fd, const char* name, const void* value, size_t size, int flags), (fd, name, value, size, flags)) \
  X(removexattr, (const char* path, const char* name), (path, name))                                                  \
  X(lremovexattr, (const char* path, const char* name), (path, name))                                                 \
  X(socket, (int domain, int type, int protocol), (domain, type, protocol))                                           \
  X(socketpair, (int domain, int type, int protocol, int* pair), (domain, type, protocol, pair))                      \
  X(bind, (int fd, const struct sockaddr* address, socklen_t length), (fd, address, length))                          \
  X(listen, (int fd, int backlog), (fd, backlog))                                                                     \
  X(kill, (pid_t pid, int signal), (pid, signal))                                                                     \
  X(killpg, (pid_t group, int signal), (group, signal))                                                               \
  X(fork, (void), ())                                                                                                 \
  X(forkpty, (int* terminal, char* name, const struct termios* modes, const struct winsize* size),                    \
    (terminal, name, modes, size))                                                                                    \
  X(daemon, (int stay, int open), (stay, open))                                                                       \
  X(setsid, (void), ())                                                                                               \
  X(setpgid, (pid_t pid, pid_t group), (pid, group))                                                                  \
  X(execve, (const char* path, char* const* arguments, char* const* environment), (path, arguments, environment))     \
  X(execv, (const char* path, char* const* arguments), (path, arguments))

namespace {

bool g_on;

// The next definition of each function, found at start: dlsym is no signal-safe call.
struct {
#define X(name, parameters, arguments) int(*name) parameters noexcept;
  LG_RETRIED_CALLS(X)
#undef X
} g_next;

template <class T>
void find(T& target, const char* name) {
  void* address = dlsym(RTLD_NEXT, name);
  __builtin_memcpy(&target, &address, sizeof target);
}

}  // namespace

namespace libguard {

void find_interrupted_calls() {
#define X(name, parameters, arguments) find(g_next.name, #name);
  LG_RETRIED_CALLS(X)
#undef X
}

void retry_interrupted_calls() { g_on = true; }

}  // namespace libguard

#pragma GCC visibility push(default)
extern "C" {
#define X(name, parameters, arguments)                                                   \
  int name parameters noexcept {                                                         \
    if (__builtin_expect(!g_next.name, 0)) find(g_next.name, #name);                     \
    int result;                                                                          \
    do result = g_next.name arguments;                                                   \
    while (__builtin_expect(result < 0 && errno == EINTR && g_on, 0));                   \
    if (__builtin_expect(result < 0 && errno == ENOSYS && g_on, 0)) lg_tell_abandoned(); \
    return result;                                                                       \
  }
LG_RETRIED_CALLS(X)
#undef X
}
#pragma GCC visibility pop
