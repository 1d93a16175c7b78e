// SPDX-License-Identifier: Apache-2.0
/* Expected: culprit and caller this program, for `setsockopt`; it says what the call costs it.
 *
 * Usage: refused_guest COUNT | wait. Prints "NANOSECONDS errno N": the least mean of seven rounds of COUNT calls. `wait`: says
 * "ready" and waits for the end of its standard input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 7

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv) {
  int plain_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, error = 0;
  long count = argc > 1 ? atol(argv[1]) : 0;
  double least = 1e18;
  char byte;

  if (argc > 1 && !strcmp(argv[1], "wait")) return puts("ready") < 0 || fflush(stdout) || read(0, &byte, 1) < 0;
  if (count <= 0 || plain_socket < 0) return 2;
  for (int round = 0; round < ROUNDS; round++) {
    double begin = now(), mean;
    for (long i = 0; i < count; i++)
      error = syscall(SYS_setsockopt, plain_socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ? errno : 0;
    mean = (now() - begin) / (double)count;
    if (mean < least) least = mean;
  }
  printf("%.0f errno %d\n", least, error);
  return 0;
}
