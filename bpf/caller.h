// SPDX-License-Identifier: Apache-2.0
/* What the kernel itself knows about the caller: its own number, the socket behind a descriptor.
 *
 * Way:     *events*: what lg_classify asks for besides the registers.
 * Thread:  the calling thread.
 * Failure: 0 where there is none: never taken as harmless.
 */
#ifndef LIBGUARD_BPF_CALLER_H
#define LIBGUARD_BPF_CALLER_H

#include "bpf/helpers.h"

#define LG_SOCKET_MODE 0140000
#define LG_FILE_TYPE 0170000

/* Number of the calling process as it sees itself. */
static __always_inline __u32 lg_own_pid(struct task_struct *task)
{
  __u32 level = task->group_leader->thread_pid->level;
  __u32 tgid = task->tgid;
  struct upid own = {};
  struct pid *pid;

  LG_OPAQUE(tgid); /* one load for this and what is read below would be of two kinds, which the verifier refuses */
  if (level == 0)
    return tgid;
  pid = BPF_CORE_READ(task, group_leader, thread_pid);
  /* An element of the array: its size is the same on every 64-bit kernel (number, padding, pointer). */
  bpf_probe_read_kernel(&own, sizeof(own),
                        (char *)__builtin_preserve_access_index(&pid->numbers[0]) + 16ull * (level & 31));
  return own.nr;
}

/* Address family of the socket behind a descriptor of the calling thread; 0: not a socket. */
static __always_inline __u32 lg_family_of(struct task_struct *task, __u32 fd)
{
  struct fdtable *table = BPF_CORE_READ(task, files, fdt);
  struct file **files = BPF_CORE_READ(table, fd), *file = 0;
  struct socket *socket;

  if (fd >= BPF_CORE_READ(table, max_fds))
    return 0;
  if (bpf_core_read(&file, sizeof(file), files + fd) || !file)
    return 0;
  if ((BPF_CORE_READ(file, f_inode, i_mode) & LG_FILE_TYPE) != LG_SOCKET_MODE)
    return 0;
  socket = BPF_CORE_READ(file, private_data);
  return BPF_CORE_READ(socket, sk, __sk_common.skc_family);
}

#endif
