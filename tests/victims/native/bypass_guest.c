// SPDX-License-Identifier: Apache-2.0
/* A program that may make no local socket tries every way around that which is known: one line for each.
 *
 * Usage: bypass_guest. Prints "NAME refused" or "NAME got through: libguard should have stopped this". The verb `try`
 * is for the program that it starts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define X32 0x40000000
#define VSYSCALL_TIME 0xffffffffff600400ul

/* 1: refused. */
static int attempt(void) {
  long made = syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);

  if (made >= 0) close((int)made);
  return made < 0 && errno == EPERM;
}

static int is_denied(long result) { return result < 0 && (errno == EPERM || errno == ENOSYS || errno == EACCES); }

/* Exit status of a child: 0 if what it tried was refused. */
static int of_child(pid_t child) {
  int status = 0;

  if (child < 0) return 0;
  while (waitpid(child, &status, __WALL) < 0 && errno == EINTR) continue;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void told(const char *name, int refused) {
  printf("%s %s\n", name, refused ? "refused" : "got through: libguard should have stopped this");
  fflush(stdout);
}

static char child_stack[65536] __attribute__((aligned(16)));
static int in_clone(void *nothing) {
  (void)nothing;
  return !attempt();
}
static void *in_thread(void *answer) {
  *(int *)answer = attempt();
  return NULL;
}
static int thread_again(int count) {
  pthread_t thread[64];
  int answer[64] = {0}, all = 1;

  for (int i = 0; i < count; i++)
    if (pthread_create(&thread[i], NULL, in_thread, &answer[i])) return 0;
  for (int i = 0; i < count; i++) pthread_join(thread[i], NULL), all &= answer[i];
  return all;
}

static volatile sig_atomic_t in_signal;
static void handler(int number) {
  (void)number;
  in_signal = attempt();
}

static void births(char *self) {
  pid_t child = fork();
  int one = 0;

  if (child == 0) _exit(!attempt());
  told("fork", of_child(child));
  child = vfork();
  if (child == 0) _exit(!attempt());
  told("vfork", of_child(child));
  told("clone", of_child(clone(in_clone, child_stack + sizeof(child_stack), SIGCHLD, NULL)));
  told("clone that shares memory",
       of_child(clone(in_clone, child_stack + sizeof(child_stack), CLONE_VM | CLONE_FILES | SIGCHLD, NULL)));
  told("clone3", is_denied(syscall(SYS_clone3, NULL, 0)));
  told("thread", thread_again(1));
  told("64 threads at once", thread_again(64));
  child = fork();
  if (child == 0) {
    execl(self, self, "try", NULL);
    _exit(0); /* an exec that is refused tries nothing */
  }
  told("exec of itself", of_child(child));
  child = fork();
  if (child == 0) {
    if (fork() == 0) _exit(0);
    one = thread_again(1) && attempt();
    _exit(!one);
  }
  told("thread of a fork", of_child(child));
}

static void entries(void) {
  pid_t child;
  int refused = 1;
  long made_32;

  __asm__ volatile("int $0x80" : "=a"(made_32) : "a"(359), "b"(AF_UNIX), "c"(SOCK_STREAM), "d"(0) : "memory", "r8", "r9", "r10", "r11");
  told("32-bit entry", made_32 < 0);
  told("x32 entry", is_denied(syscall(X32 | SYS_socket, AF_UNIX, SOCK_STREAM, 0)));
  child = fork();
  if (child == 0) {
    long made = -1;

    /* Of what stands in the register the kernel takes no notice here: the address says which of three clocks is meant. */
    __asm__ volatile("call *%1" : "=a"(made) : "r"(VSYSCALL_TIME), "a"((long)SYS_socket), "D"(0L), "S"((long)SOCK_STREAM), "d"(0L) : "rcx", "r11", "memory");
    _exit(made >= 0 && fcntl((int)made, F_GETFD) >= 0 ? 7 : !attempt());
  }
  waitpid(child, &refused, 0); /* or it is ended by a signal, where the kernel has none of these addresses */
  told("vsyscall", WIFSIGNALED(refused) || WEXITSTATUS(refused) == 0);
  told("io_uring", is_denied(syscall(SYS_io_uring_setup, 1, NULL)));
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  told("signal handler", in_signal);
  refused = 1;
  for (int i = 0; i < 20000; i++) refused &= attempt();
  told("20000 in a row", refused);
}

static void other_hands(void) {
  static long word = 1;
  long other = 2;
  struct iovec from = {&other, sizeof(other)}, to = {&word, sizeof(word)};
  struct sock_filter pass[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog program = {1, pass};
  pid_t child = fork();
  int file;

  if (child == 0) {
    pause();
    _exit(0);
  }
  told("ptrace of a child", is_denied(ptrace(PTRACE_ATTACH, child, 0, 0)));
  told("process_vm_writev to a child", is_denied(process_vm_writev(child, &from, 1, &to, 1, 0)));
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  told("process_vm_writev to itself", is_denied(process_vm_writev(getpid(), &from, 1, &to, 1, 0)) && word == 1);
  file = open("/proc/self/mem", O_RDWR);
  told("/proc/self/mem", is_denied(file));
  told("another listener", is_denied(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program)) ||
                               errno == EBUSY);
  syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
  told("behind a filter of its own", attempt());
  told("unshare", is_denied(unshare(CLONE_NEWNS)));
  told("setns", is_denied(setns(open("/proc/self/ns/mnt", O_RDONLY), 0)));
  told("mount", is_denied(mount("none", "/mnt", "tmpfs", 0, NULL)));
  told("bpf", is_denied(syscall(SYS_bpf, 0, NULL, 0)));
  told("pid namespace", is_denied(unshare(CLONE_NEWPID)));
}

int main(int argc, char **argv) {
  if (argc > 1 && !strcmp(argv[1], "try")) return !attempt();
  told("plain", attempt());
  births(argv[0]);
  entries();
  other_hands();
  told("plain again", attempt());
  puts("end");
  return 0;
}
