/* SPDX-License-Identifier: Apache-2.0 */
/* Installs a guard's seccomp filter on the calling process and gives the listener that a supervisor answers.
 *
 * Way:     the first step of both doors: from here on every call that is not free is an event.
 * Thread:  the calling process should have one thread; all that exist are covered or nothing is (TSYNC).
 * Failure: a negative reason below; nothing is installed then, only no_new_privs may have been set.
 *
 * Plain C, async-signal-safe, no allocation: included by the supervisor's child and by the in-process client.
 */
#ifndef LIBGUARD_INSTALL_FILTER_H
#define LIBGUARD_INSTALL_FILTER_H

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* The listener (close-on-exec), or -errno. REQUIRES: `filter` points to `length` checked instructions. */
static inline int lg_install_filter(const struct sock_filter* filter, unsigned short length) {
  struct sock_fprog program;
  long listener;
  program.len = length;
  program.filter = (struct sock_filter*)(unsigned long)filter;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                     SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH |
                         SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                     &program);
  return listener < 0 ? -errno : (int)listener;
}

/* For people: why lg_install_filter() said `error` (a positive errno). */
static inline const char* lg_install_filter_reason(int error) {
  switch (error) {
    case EBUSY:
      return "another program already answers system calls here (a seccomp listener is installed)";
    case ESRCH:
      return "a thread of this process has a seccomp filter of its own";
    case EINVAL:
      return "this kernel cannot let calls wait safely for a supervisor";
    case ENOSYS:
      return "this kernel has no seccomp filters";
    case EACCES:
    case EPERM:
      return "seccomp is not allowed here";
    default:
      return "the seccomp filter could not be installed";
  }
}

/* What to do about it. */
static inline const char* lg_install_filter_hint(int error) {
  switch (error) {
    case EBUSY:
      return "start libguard outside of it";
    case ESRCH:
      return "start the guard before any thread exists: libguard run -- CMD";
    case EINVAL:
      return "libguard needs Linux 5.19 or newer";
    case ENOSYS:
      return "libguard needs Linux 5.19 or newer with CONFIG_SECCOMP_FILTER";
    case EACCES:
    case EPERM:
      return "let the container's profile pass the seccomp system call";
    default:
      return "see 'libguard doctor'";
  }
}

#endif
