/* SPDX-License-Identifier: Apache-2.0 */
/* A server that does what it is told, as hostile code in it would: server PORT [rehearse|thread-filter|undumpable|late|tells] LIB.
 *
 * Three threads accept. A line "NUMBER ARGUMENT…" (decimal) makes that system call, "@text" as an argument is the
 * address of the text; the answer is its result, or -errno. `begin_to_serve` is called by all threads at once, when
 * everything is ready; `late_begin` of LIB just before, or libguard_serving(). `rehearse`: whatever the others do before
 * they serve.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int listener;
static volatile int begun;
static volatile int ready;

__attribute__((noinline)) void begin_to_serve(int thread) { __atomic_fetch_add(&begun, thread + 1, __ATOMIC_RELAXED); }

static long do_call(char *line) {
  long words[7] = {0};
  int count = 0;
  for (char *word = strtok(line, " \n"); word && count < 7; word = strtok(NULL, " \n"))
    words[count++] = *word == '@' ? (long)(word + 1) : strtol(word, NULL, 0);
  long result = syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
  return result < 0 ? -errno : result;
}

static void *serve(void *number) {
  char line[512], answer[64];
  __atomic_fetch_add(&ready, 1, __ATOMIC_RELAXED);
  while (ready < 3) continue; /* no call: it might come when the others serve already */
  begin_to_serve((int)(long)number);
  for (;;) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) continue;
    ssize_t got = read(connection, line, sizeof line - 1);
    if (got > 0) {
      line[got] = 0;
      int length = snprintf(answer, sizeof answer, "%ld\n", do_call(line));
      if (write(connection, answer, (size_t)length) < 0) perror("write");
    }
    close(connection);
  }
  return NULL;
}

/* A filter of this thread's own, which changes nothing. */
static void *confined(void *nothing) {
  struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  struct sock_fprog program = {1, &allow};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) perror("seccomp");
  for (;;) pause();
  return nothing;
}

#ifdef STATIC
static void begin_late(void) {}
#endif

static void (*late(const char *path))(void) {
#ifdef STATIC
  (void)path;
  return begin_late;
#else
  void *library = dlopen(path, RTLD_NOW);
  if (!library) fprintf(stderr, "%s\n", dlerror());
  return library ? (void (*)(void))dlsym(library, "late_begin") : NULL;
#endif
}

static int has(const char *mode, const char *wanted) { return !strcmp(mode, wanted) || !strcmp(mode, "rehearse"); }

int main(int count, char **arguments) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(arguments[1]))};
  const char *mode = count > 2 ? arguments[2] : "";
  pthread_t thread;
  int one = 1;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) return 1;
  getpriority(PRIO_PROCESS, 0); /* of the start only */
  if (has(mode, "undumpable")) prctl(PR_SET_DUMPABLE, !strcmp(mode, "rehearse"), 0, 0, 0);
  if (has(mode, "thread-filter")) pthread_create(&thread, NULL, confined, NULL);
  if (listen(listener, 16) != 0) return 1;
  for (long i = 1; i < 3; i++) pthread_create(&thread, NULL, serve, (void *)i);
  while (ready < 2) continue; /* threads make calls of their start */
  if (has(mode, "late")) {
    void (*begin)(void) = late(arguments[3]);
    if (!begin) return 1;
    begin();
  }
#ifndef STATIC
  if (!strcmp(mode, "tells")) {
    long (*serving)(void) = (long (*)(void))dlsym(RTLD_DEFAULT, "libguard_serving");
    if (!serving || serving() != 1) return 1;
  }
#endif
  serve(NULL);
}
