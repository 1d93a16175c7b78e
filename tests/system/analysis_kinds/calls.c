// SPDX-License-Identifier: Apache-2.0
// A little of everything: threads, files, sockets, processes. Built static, static-pie, stripped, and with musl.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/stat.h>
#include <pthread.h>
#include <time.h>
#include <fcntl.h>
#include <sys/syscall.h>
static void* work(void* p) { usleep(1000); return p; }
int main(void) {
  pthread_t t; pthread_create(&t, 0, work, 0); pthread_join(t, 0);
  FILE* f = fopen("x", "w"); fprintf(f, "hi %d\n", getpid()); fclose(f);
  int s = socket(AF_INET, SOCK_STREAM, 0); close(s); rename("x", "y"); unlink("y");
  struct timespec ts; clock_gettime(CLOCK_MONOTONIC, &ts); mkdir("d", 0755); rmdir("d");
  if (fork() == 0) _exit(0);
  wait(0); void* m = malloc(1 << 22); memset(m, 1, 1 << 22); free(m);
  char b[10]; int p[2]; pipe(p); write(p[1], "x", 1); read(p[0], b, 1); syscall(SYS_gettid); syscall(SYS_getcpu, 0, 0, 0);
  system("true"); printf("%ld\n", (long)getppid()); return 0;
}
