// SPDX-License-Identifier: Apache-2.0
// Finds the libguard program beside this library and starts it detached: double fork, own session, /dev/null.
//
// Way:     before everything, for the detached door.
// Thread:  one, at the start of the program.
// Failure: see supervisor.h.
#include "frontends/client/supervisor.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libguard/door.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

// From the directory of this library: lib/, lib/TRIPLET/, or all in one directory.
constexpr const char* kPlaces[] = {"../bin/libguard", "../../bin/libguard", "libguard"};

char g_program[PATH_MAX];

bool try_program(const char* directory, int length, const char* relative) {
  char candidate[PATH_MAX];
  int written = snprintf(candidate, sizeof candidate, "%.*s/%s", length, directory, relative);
  if (written < 0 || written >= static_cast<int>(sizeof candidate) || access(candidate, X_OK) != 0) return false;
  return realpath(candidate, g_program) != nullptr;
}

bool search_path() {
  const char* path = getenv("PATH");
  while (path && *path) {
    const char* end = strchrnul(path, ':');
    if (end > path && try_program(path, static_cast<int>(end - path), "libguard")) return true;
    path = *end ? end + 1 : end;
  }
  return false;
}

// An installation keeps lib/libguard_preload.so and bin/libguard side by side.
bool find_program() {
  if (g_program[0]) return true;
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&find_program), &self) != 0 && self.dli_fname) {
    const char* slash = strrchr(self.dli_fname, '/');
    int length = slash ? static_cast<int>(slash - self.dli_fname) : 1;
    const char* directory = slash ? self.dli_fname : ".";
    for (const char* place : kPlaces)
      if (try_program(directory, length, place)) return true;
  }
  return search_path();
}

// The environment without what would bring this library into the supervisor.
char** clean_environment() {
  size_t count = 0;
  while (environ[count]) count++;
  char** copy = static_cast<char**>(calloc(count + 1, sizeof *copy));
  if (!copy) lg_refuse_start("no memory to start the supervisor", "free some memory");
  size_t kept = 0;
  for (size_t i = 0; i < count; i++)
    if (strncmp(environ[i], "LD_PRELOAD=", 11) != 0 && strncmp(environ[i], "LD_AUDIT=", 9) != 0)
      copy[kept++] = environ[i];
  return copy;
}

[[noreturn]] void become_supervisor(int socket, char** environment) {
  int null = open("/dev/null", O_RDWR);
  if (socket != LG_DOOR_FD && dup2(socket, LG_DOOR_FD) < 0) _exit(127);
  fcntl(LG_DOOR_FD, F_SETFD, 0);
  for (int fd = 0; fd < 3; fd++)
    if (dup2(null, fd) < 0) _exit(127);
  syscall(SYS_close_range, LG_DOOR_FD + 1, ~0u, 0);
  char descriptor[] = "3", name[] = "libguard", verb[] = "supervise", option[] = "--fd";
  char* arguments[] = {name, verb, option, descriptor, nullptr};
  execve(g_program, arguments, environment);
  _exit(127);
}

}  // namespace

bool is_libguard_itself() {
  char self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length <= 0 || !find_program()) return false;
  self[length] = 0;
  return strcmp(self, g_program) == 0;
}

void start_supervisor(int socket) {
  if (!find_program())
    lg_refuse_start("the program `libguard` is not beside libguard_preload.so and not on PATH",
                    "install both, or put the directory of libguard on PATH");
  char** environment = clean_environment();
  pid_t middle = fork();
  if (middle < 0)
    lg_refuse_start("cannot start a process for the supervisor", "raise the limit of processes (ulimit -u)");
  if (middle == 0) {
    // The supervisor must not be this process' child: its wait() must never meet it, its terminal never signal it.
    setsid();
    pid_t last = fork();
    if (last == 0) become_supervisor(socket, environment);
    _exit(last < 0 ? 1 : 0);
  }
  int status = 0;
  while (waitpid(middle, &status, 0) < 0 && errno == EINTR) {
  }
  free(environment);
}

}  // namespace libguard
