/* SPDX-License-Identifier: Apache-2.0 */
/* A courier sends the listener to the supervisor: a task that shares the descriptors of the process and not its filter.
 *
 * Way:     the second step of both doors: until the supervisor has the listener, no call of the process may need it.
 * Thread:  lg_start_courier() while the process has one thread; lg_give_courier() once, without a system call;
 *          lg_bury_courier() at the end.
 * Failure: null: no courier could be made. A courier whose process ended goes away by itself.
 *
 * Plain C, async-signal-safe, no allocation: included by the supervisor's child and by the in-process client.
 */
#ifndef LIBGUARD_COURIER_H
#define LIBGUARD_COURIER_H

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LG_COURIER_PAUSE_NS 50000
#define LG_COURIER_PAUSES 1200000 /* a minute */

/* In memory that both share. */
struct lg_courier {
  int given; /* 0: not yet; -1: nothing comes; else the listener + 1 */
  pid_t pid;
};

/* One packet with one descriptor. 0: sent. */
static inline int lg_send_descriptor(int socket, const void* packet, size_t size, int descriptor) {
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part;
  struct msghdr message;
  ssize_t sent;
  memset(&control, 0, sizeof control);
  memset(&message, 0, sizeof message);
  part.iov_base = (void*)(unsigned long)packet;
  part.iov_len = size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.room;
  message.msg_controllen = sizeof control.room;
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == (ssize_t)size ? 0 : -1;
}

static inline void lg_run_courier(struct lg_courier* courier, pid_t giver, int socket, const void* packet,
                                  size_t size) {
  const struct timespec pause = {0, LG_COURIER_PAUSE_NS};
  int given = 0;
  long pauses;
  for (pauses = 0; pauses < LG_COURIER_PAUSES && kill(giver, 0) == 0; pauses++) {
    given = __atomic_load_n(&courier->given, __ATOMIC_ACQUIRE);
    if (given != 0) break;
    nanosleep(&pause, NULL);
  }
  if (given > 0) lg_send_descriptor(socket, packet, size, given - 1);
}

/* `packet` is what goes over `socket` with the listener; copied with the memory of the process. Its end sends no
 * signal, and no wait of the process sees it but lg_bury_courier(). */
static inline struct lg_courier* lg_start_courier(int socket, const void* packet, size_t size) {
  const pid_t giver = getpid();
  void* memory = mmap(NULL, sizeof(struct lg_courier), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  struct lg_courier* courier = (struct lg_courier*)memory;
  long made;
  if (memory == MAP_FAILED) return NULL;
  made = syscall(SYS_clone, CLONE_FILES, 0, 0, 0, 0);
  if (made == 0) {
    lg_run_courier(courier, giver, socket, packet, size);
    _exit(0);
  }
  if (made < 0) {
    munmap(memory, sizeof(struct lg_courier));
    return NULL;
  }
  courier->pid = (pid_t)made;
  return courier;
}

/* A negative `listener`: none could be made. */
static inline void lg_give_courier(struct lg_courier* courier, int listener) {
  __atomic_store_n(&courier->given, listener < 0 ? -1 : listener + 1, __ATOMIC_RELEASE);
}

/* Once the supervisor serves: a process that is left behind would be a child that the program does not know. */
static inline void lg_bury_courier(struct lg_courier* courier) {
  while (waitpid(courier->pid, NULL, __WALL) < 0 && errno == EINTR) continue;
  munmap(courier, sizeof(struct lg_courier));
}

#endif
