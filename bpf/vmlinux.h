// SPDX-License-Identifier: Apache-2.0
/* The few fields of kernel types that the programs read; the loader finds their places in the running kernel (CO-RE).
 *
 * Way:     *events*: who calls, with which registers.
 * Thread:  types only.
 * Failure: a field that the running kernel lacks fails the load, unless it is asked for by bpf_core_field_exists.
 */
#ifndef LIBGUARD_BPF_VMLINUX_H
#define LIBGUARD_BPF_VMLINUX_H

#include <linux/bpf.h>
#include <linux/types.h>

#define LG_KERNEL_TYPE __attribute__((preserve_access_index))

struct pt_regs {
  unsigned long r10, r9, r8, ip, sp, di, si, dx, orig_ax;
} LG_KERNEL_TYPE;

struct upid {
  int nr;
} LG_KERNEL_TYPE;

struct pid {
  unsigned int level;
  struct upid numbers[1];
} LG_KERNEL_TYPE;

struct thread_struct {
  unsigned long fsbase;
} LG_KERNEL_TYPE;

typedef struct {
  int counter;
} LG_KERNEL_TYPE atomic_t;

struct signal_struct {
  atomic_t live;
} LG_KERNEL_TYPE;

struct sock_common {
  unsigned short skc_family;
} LG_KERNEL_TYPE;

struct sock {
  struct sock_common __sk_common;
} LG_KERNEL_TYPE;

struct socket {
  struct sock *sk;
} LG_KERNEL_TYPE;

struct inode {
  unsigned short i_mode;
} LG_KERNEL_TYPE;

struct file {
  struct inode *f_inode;
  void *private_data;
} LG_KERNEL_TYPE;

struct fdtable {
  unsigned int max_fds;
  struct file **fd;
} LG_KERNEL_TYPE;

struct files_struct {
  struct fdtable *fdt;
} LG_KERNEL_TYPE;

struct task_struct {
  int pid, tgid;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  struct signal_struct *signal;
  struct files_struct *files;
  struct thread_struct thread;
} LG_KERNEL_TYPE;

struct linux_binprm;

#endif
