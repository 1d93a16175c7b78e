// SPDX-License-Identifier: Apache-2.0
/* A program of many libraries that says itself which one it is in; those with an odd number may make no local socket.
 *
 * `away` tries two ways to open a file, too, which they may not either.
 * Usage: push_guest VERB FOLDER LIBRARIES [COUNT]. FOLDER holds lib000.so, lib001.so, ... The program knows what must be
 * refused where, tries it, and prints what came of it:
 *   leaked    let through although a library on the stack may not: libguard should have stopped this
 *   too_much  refused although all libraries on the stack may
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libguard/push.h"

#define MOST 1000
#define THREADS 64
#define FUNCTION "push_guest.works" /* the one function of all libraries */

static const struct lg_push *push;
static struct lg_site site[MOST];
static int libraries, count = 100;
static struct {
  long right, refused, leaked, too_much;
} *told; /* shared with forked children */

static void raise_by_one(long *counter) { __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED); }

/* What came of an attempt. forbidden: how many libraries stand on the stack that may not. */
static void tell(int made, int forbidden) {
  int refused = made < 0 && errno == EPERM;

  if (made >= 0) close(made);
  if (refused) raise_by_one(&told->refused);
  if (refused == (forbidden > 0))
    raise_by_one(&told->right);
  else
    raise_by_one(refused ? &told->too_much : &told->leaked);
}

/* Tries what nobody with an odd number may. */
static void attempt(int forbidden) { tell(socket(AF_UNIX, SOCK_DGRAM, 0), forbidden); }

/* Calls through `span` libraries from `first` on, as chance will have it. */
static void roam(unsigned *seed, int first, int span, int depth, int forbidden) {
  for (int turn = 0; turn < 2; turn++) {
    int library = (first + rand_r(seed) % span) % libraries;
    struct lg_slot before;

    lg_enter(push, &before, site[library]);
    if (rand_r(seed) % 4 == 0) attempt(forbidden + library % 2);
    if (depth > 1) roam(seed, first, span, depth - 1, forbidden + library % 2);
    lg_leave(push, &before);
    if (rand_r(seed) % 8 == 0) attempt(forbidden);
  }
}

/* Few libraries for each thread: all their states find room. */
static void *near(void *number) {
  unsigned seed = (unsigned)(long)number + 1;

  for (int i = 0; i < count; i++) roam(&seed, (int)(long)number * 5, 5, 5, 0);
  return NULL;
}

/* All libraries: more states than there is room for. */
static void *far(void *number) {
  unsigned seed = (unsigned)(long)number + 1;

  for (int i = 0; i < count; i++) roam(&seed, 0, libraries, 5, 0);
  return NULL;
}

static void in_threads(void *(*work)(void *)) {
  pthread_t thread[THREADS];

  for (long i = 0; i < THREADS; i++)
    if (pthread_create(&thread[i], NULL, work, (void *)i)) exit(2);
  for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
}

/* Forks, deep in a stack, while other threads make new states. */
static void forks(void) {
  pthread_t thread[8];
  struct lg_slot outer, inner;

  for (long i = 0; i < 8; i++)
    if (pthread_create(&thread[i], NULL, near, (void *)i)) exit(2);
  for (int i = 0; i < 20; i++) {
    pid_t child;

    lg_enter(push, &outer, site[0]);
    lg_enter(push, &inner, site[1]);
    child = fork();
    if (child < 0) exit(4);
    attempt(1);
    if (child == 0) {
      unsigned seed = (unsigned)i;

      roam(&seed, 35, 5, 4, 1);
      lg_leave(push, &inner);
      attempt(0);
      roam(&seed, 35, 5, 4, 0);
      _exit(0);
    }
    lg_leave(push, &inner);
    attempt(0);
    lg_leave(push, &outer);
    waitpid(child, NULL, 0);
  }
  for (int i = 0; i < 8; i++) pthread_join(thread[i], NULL);
}

static jmp_buf target;
static __attribute__((noinline)) void jumps_out(void) {
  struct lg_slot before;

  lg_enter(push, &before, site[1]);
  attempt(1);
  longjmp(target, 1);
}

static void jumps(void) {
  for (volatile int i = 0; i < count; i++) {
    struct lg_slot before;

    lg_enter(push, &before, site[0]);
    attempt(0);
    if (setjmp(target) == 0) jumps_out();
    attempt(1); /* nobody has said that library 1 was left */
    lg_leave(push, &before);
    attempt(0);
    lg_enter(push, &before, site[0]);
    attempt(0);
    lg_leave(push, &before);
  }
}

static volatile sig_atomic_t quiet_handler, handled;
static void in_handler(int number) {
  struct lg_slot before;
  int error = errno;

  lg_enter(push, &before, site[number == SIGUSR1 ? 1 : 3]);
  if (!quiet_handler) attempt(1);
  lg_leave(push, &before);
  handled++;
  errno = error;
}

static void signals(void) {
  static char other_stack[65536];
  stack_t alternate = {.ss_sp = other_stack, .ss_size = sizeof(other_stack)};
  struct sigaction action = {.sa_handler = in_handler, .sa_flags = SA_RESTART};
  struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
  struct lg_slot outer, inner;

  sigaltstack(&alternate, NULL);
  sigaction(SIGUSR1, &action, NULL);
  action.sa_flags |= SA_ONSTACK;
  sigaction(SIGUSR2, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  for (int i = 0; i < count; i++) {
    lg_enter(push, &outer, site[0]);
    attempt(0);
    raise(i % 2 ? SIGUSR1 : SIGUSR2);
    attempt(0);
    lg_leave(push, &outer);
  }
  quiet_handler = 1;
  handled = 0;
  setitimer(ITIMER_REAL, &often, NULL);
  while (handled < 200)
    for (int i = 0; i < 1000; i++) {
      lg_enter(push, &outer, site[i % 50 * 2 % libraries]);
      lg_enter(push, &inner, site[1]);
      lg_leave(push, &inner);
      lg_leave(push, &outer);
    }
  setitimer(ITIMER_REAL, &never, NULL);
  attempt(0);
}

/* The page of the thread's slot goes away; what it holds stays. Only what uses thread-local memory brings it back. */
static void put_away(void) {
  unsigned long page = (unsigned long)lg_own_slot(push) & ~4095ul;

  if (madvise((void *)page, 4096, MADV_DONTNEED)) exit(5);
}

/* What tells the libraries of this thread is not in memory when it makes its calls, as if it were swapped out. */
static void *away(void *unused) {
  char room[65536]; /* what is called from here is on other pages than thread-local memory */
  struct lg_slot outer, inner;

  (void)unused;
  __asm__ volatile("" : : "r"(room) : "memory");
  for (int i = 0; i < count; i++) {
    lg_enter(push, &outer, site[0]);
    put_away();
    attempt(0);
    put_away();
    tell(open("/", O_RDONLY), 0);
    lg_enter(push, &inner, site[1]);
    put_away();
    attempt(1);
    put_away();
    tell(open("/", O_RDONLY), 1);
    put_away();
    tell(open("/proc", O_PATH), 1); /* which is refused by another hook than the others, if at all */
    lg_leave(push, &inner);
    put_away();
    attempt(0);
    lg_leave(push, &outer);
  }
  return NULL;
}

/* A stack, and the thread-local memory above it, that can be taken away without being lost: it is shared. */
static void on_shared_stack(void *(*work)(void *)) {
  const size_t size = 1 << 20;
  void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_attr_t attributes;
  pthread_t thread;

  if (stack == MAP_FAILED || pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, size)) exit(6);
  if (pthread_create(&thread, &attributes, work, NULL)) exit(2);
  pthread_join(thread, NULL);
  pthread_attr_destroy(&attributes);
}

static __attribute__((noinline)) void empty(const struct lg_site *one) { __asm__ volatile("" : : "r"(one) : "memory"); }
static __attribute__((noinline)) void pushed(const struct lg_site *one) {
  struct lg_slot before;

  lg_enter(push, &before, *one);
  __asm__ volatile("" : : "r"(one) : "memory");
  lg_leave(push, &before);
}

/* Nanoseconds of enter and leave, the smallest of many batches, over those of a call that does nothing. */
static double cost(void) {
  const int batch = 20000;
  double least[2] = {1e9, 1e9};

  for (int round = 0; round < 400; round++) {
    struct timespec begin, end;
    double each;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < batch; i++)
      if (round % 2)
        pushed(&site[i & 7]);
      else
        empty(&site[i & 7]);
    clock_gettime(CLOCK_MONOTONIC, &end);
    each = ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / batch;
    if (each < least[round % 2]) least[round % 2] = each;
  }
  return least[1] - least[0];
}

static int join(const char *folder) {
  const struct lg_push *(*begin)(void) = (const struct lg_push *(*)(void))dlsym(RTLD_DEFAULT, "libguard_push");
  __u16 (*number)(const char *) = (__u16(*)(const char *))dlsym(RTLD_DEFAULT, "libguard_library");

  push = begin ? begin() : NULL;
  if (!push || !number) return 0;
  for (int i = 0; i < libraries; i++) {
    char path[4096];

    snprintf(path, sizeof(path), "%s/lib%03d.so", folder, i);
    site[i].library = number(path);
    site[i].function = lg_fnv1a(LG_FNV_OFFSET, FUNCTION, sizeof(FUNCTION) - 1);
    if (site[i].library == LG_UNKNOWN) return 0;
  }
  return 1;
}

int main(int argc, char **argv) {
  const char *verb = argc > 3 ? argv[1] : "";

  libraries = argc > 3 ? atoi(argv[3]) : 0;
  if (argc > 4) count = atoi(argv[4]);
  told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (libraries < 8 || libraries > MOST || told == MAP_FAILED) return 2;
  if (!join(argv[2])) {
    fprintf(stderr, "push_guest: no guard, or a library that it does not know\n");
    return 3;
  }
  if (!strcmp(verb, "alone")) near((void *)7);
  if (!strcmp(verb, "near")) in_threads(near);
  if (!strcmp(verb, "far")) in_threads(far);
  if (!strcmp(verb, "forks")) forks();
  if (!strcmp(verb, "jumps")) jumps();
  if (!strcmp(verb, "signals")) signals();
  if (!strcmp(verb, "away")) on_shared_stack(away);
  if (!strcmp(verb, "cost")) {
    printf("{\"nanoseconds\": %.2f}\n", cost());
    return 0;
  }
  attempt(0);
  printf("{\"right\": %ld, \"refused\": %ld, \"leaked\": %ld, \"too_much\": %ld}\n", told->right, told->refused,
         told->leaked, told->too_much);
  return 0;
}
