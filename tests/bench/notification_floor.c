/* SPDX-License-Identifier: Apache-2.0 */
/* What no supervisor can go below on this machine: a notified call that is answered at once, and the same with one read
 * of as many pieces of the caller as a walk reads.
 *
 * Way:     a benchmark's worker: each line "bare|read DEPTH COUNT" on standard input is answered with microseconds per
 *          call, as calls.py --work does; "free" is the same call without a notification.
 * Thread:  two processes: the caller reads the lines, the supervisor answers its getppid.
 * Failure: one line on standard error and exit 1.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "libguard/install_filter.h"

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#define SYNC_WAKE_UP 1ul

/* The head of the area, a thread state, a part of the C stack, the frames of depth 20. */
static const size_t kPieces[] = {48, 256, 800, 2700};
enum { kCount = sizeof(kPieces) / sizeof(kPieces[0]), kPage = 4096 };

struct shared {
  volatile int reads;
  volatile int listener;
  volatile int adopted;
};

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void call(struct shared* shared) {
  const struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const int listener = lg_install_filter(filter, sizeof(filter) / sizeof(filter[0]));
  if (listener < 0) exit(1);
  shared->listener = listener;
  while (!shared->adopted) usleep(100);
  char kind[16];
  int depth, count;
  while (scanf("%15s %d %d", kind, &depth, &count) == 3) {
    const long number = strcmp(kind, "free") == 0 ? SYS_getuid : SYS_getppid;
    shared->reads = strcmp(kind, "read") == 0;
    const double begin = microseconds();
    for (int i = 0; i < count; i++) syscall(number);
    printf("%.3f\n", (microseconds() - begin) / count);
    fflush(stdout);
  }
  exit(0);
}

static void answer(struct shared* shared, pid_t caller, char* memory) {
  while (!shared->listener) usleep(100);
  const int process = (int)syscall(SYS_pidfd_open, caller, 0);
  const int listener = (int)syscall(SYS_pidfd_getfd, process, shared->listener, 0);
  if (listener < 0) fail("pidfd_getfd");
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP); /* from Linux 6.6 on, as the supervisor asks for */
  shared->adopted = 1;
  static char copies[kCount][kPage];
  struct iovec to[kCount], from[kCount];
  for (int i = 0; i < kCount; i++) {
    to[i] = (struct iovec){copies[i], kPieces[i]};
    from[i] = (struct iovec){memory + (size_t)i * 4 * kPage, kPieces[i]};
  }
  struct seccomp_notif received;
  struct seccomp_notif_resp response;
  for (;;) {
    memset(&received, 0, sizeof(received));
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &received) != 0) return;
    if (shared->reads && process_vm_readv((pid_t)received.pid, to, kCount, from, kCount, 0) < 0)
      fail("process_vm_readv");
    memset(&response, 0, sizeof(response));
    response.id = received.id;
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
}

int main(void) {
  struct shared* shared = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  static char memory[kCount * 4 * kPage];
  memset(memory, 1, sizeof(memory));
  if (shared == MAP_FAILED) fail("mmap");
  const pid_t caller = fork();
  if (caller < 0) fail("fork");
  if (caller == 0) call(shared);
  fclose(stdin);
  fclose(stdout);
  answer(shared, caller, memory);
  int status = 0;
  waitpid(caller, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
