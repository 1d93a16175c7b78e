// SPDX-License-Identifier: Apache-2.0
// Path calls and forks under a 0.5 ms interval timer without SA_RESTART: how many end with EINTR?
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long ticks;
static long interrupted, other, interrupted_opens;

static void tick(int signal) { (void)signal, ticks++; }

#define TRY(call)                    \
  do {                               \
    while ((call) < 0) {             \
      if (errno != EINTR) {          \
        other++;                     \
        break;                       \
      }                              \
      interrupted++;                 \
    }                                \
  } while (0)

int main(int argc, char** argv) {
  long rounds = argc > 1 ? atol(argv[1]) : 1000;
  struct sigaction action = {.sa_handler = tick};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval every = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &every, NULL);
  for (long i = 0; i < rounds; i++) {
    TRY(mkdir("folder", 0755));
    int fd = -1;
    long before = interrupted;
    TRY(fd = open("folder/file", O_WRONLY | O_CREAT, 0644));
    interrupted_opens += interrupted - before;
    close(fd);
    TRY(rename("folder/file", "folder/other"));
    TRY(unlink("folder/other"));
    TRY(rmdir("folder"));
    if (i % 8) continue;
    pid_t child = -1;
    TRY(child = fork());
    if (child == 0) _exit(0);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  }
  struct itimerval never = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &never, NULL);
  printf("{\"interrupted\": %ld, \"opens\": %ld, \"other\": %ld, \"ticks\": %ld}\n", interrupted, interrupted_opens, other, ticks);
  return 0;
}
