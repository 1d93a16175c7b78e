// SPDX-License-Identifier: Apache-2.0
/* A program that may set no option of a socket tries to in thousands of threads, in programs that come and go, and while
 * threads come and go beside it.
 *
 * Usage: fault_guest threads COUNT | execs PER_SECOND SECONDS | churn SECONDS [FILE to make when it begins]. Prints "tried N through N failed N": how
 * often it tried, how often it got through, and how often something failed that nobody denies. `try` is for the program
 * that it starts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPTS 20
#define SMALL_STACK 65536

extern char **environ;
static int plain_socket;
static atomic_ulong tried, through, failed;
static atomic_int over;

/* 1: refused. */
static int attempt(void) {
  int on = 1, got;

  tried++;
  got = setsockopt(plain_socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
  if (got) through++;
  else if (errno != EPERM) failed++;
  if (getppid() <= 0) failed++;
  return !got;
}

static double now(void) {
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *in_thread(void *all_there) {
  for (int i = 0; i < ATTEMPTS / 2; i++) attempt();
  if (all_there) pthread_barrier_wait(all_there);
  for (int i = 0; i < ATTEMPTS / 2; i++) attempt();
  return NULL;
}

static int start(pthread_t *thread, void *all_there) {
  pthread_attr_t small;
  int error;

  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, SMALL_STACK);
  error = pthread_create(thread, &small, in_thread, all_there);
  pthread_attr_destroy(&small);
  return error;
}

/* All alive at once. */
static void threads(int count) {
  pthread_t *all = calloc((size_t)count, sizeof(*all));
  pthread_barrier_t all_there;

  pthread_barrier_init(&all_there, NULL, (unsigned)count);
  for (int i = 0; i < count; i++) {
    if (start(&all[i], &all_there) == 0) continue;
    fprintf(stderr, "only %d threads\n", i);
    exit(3);
  }
  for (int i = 0; i < count; i++) pthread_join(all[i], NULL);
}

/* As many programs as asked for, or as the machine starts; each tries once. */
static void execs(char *self, int per_second, double seconds) {
  char *const arguments[] = {self, "try", NULL};
  double begin = now();
  long made = 0;

  while (now() - begin < seconds) {
    pid_t child;
    int status;
    double early = begin + (double)made / per_second - now();

    if (early > 0) usleep((useconds_t)(early * 1e6));
    made++;
    if (posix_spawn(&child, self, NULL, NULL, arguments, environ) != 0 || waitpid(child, &status, 0) != child ||
        !WIFEXITED(status)) {
      failed++;
      continue;
    }
    tried++;
    if (WEXITSTATUS(status) == 1) through++;
    if (WEXITSTATUS(status) > 1) failed++;
  }
  printf("%.0f programs per second\n", (double)made / (now() - begin));
}

static void *in_churn(void *nothing) {
  (void)nothing;
  while (!over) attempt();
  return NULL;
}

/* Two try all the time while others come and go: each that comes takes and gives back what the kernel keeps of it. */
static void churn(double seconds) {
  pthread_t steady[2], brief[8];
  double end = now() + seconds;

  for (int i = 0; i < 2; i++)
    if (pthread_create(&steady[i], NULL, in_churn, NULL) != 0) exit(3);
  while (now() < end) {
    for (int i = 0; i < 8; i++)
      if (start(&brief[i], NULL) != 0) exit(3);
    for (int i = 0; i < 8; i++) pthread_join(brief[i], NULL);
  }
  over = 1;
  for (int i = 0; i < 2; i++) pthread_join(steady[i], NULL);
}

int main(int argc, char **argv) {
  plain_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (argc > 1 && !strcmp(argv[1], "try")) return attempt() ? (failed ? 2 : 0) : 1;
  if (argc > 2 && !strcmp(argv[1], "threads")) threads(atoi(argv[2]));
  if (argc > 3 && !strcmp(argv[1], "execs")) execs(argv[0], atoi(argv[2]), atof(argv[3]));
  if (argc > 3 && !strcmp(argv[1], "churn")) fclose(fopen(argv[3], "w"));
  if (argc > 2 && !strcmp(argv[1], "churn")) churn(atof(argv[2]));
  printf("tried %lu through %lu failed %lu\n", tried, through, failed);
  return tried == 0;
}
