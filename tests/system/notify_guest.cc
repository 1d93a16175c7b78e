// SPDX-License-Identifier: Apache-2.0
// notify_guest: the guarded program of the notify tests. Each verb tries one thing and exits 0 if it went as it must.
#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "bpf/abi.h"
#include "libguard/install_filter.h"

extern char** environ;

namespace {

int failures = 0;
void expect(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "guest: %s (errno %d)\n", what, errno);
  failures++;
}
int result() { return failures ? 1 : 0; }

int touch(const char* path = "/dev/null") {
  int fd = open(path, O_WRONLY);
  if (fd >= 0) close(fd);
  return fd >= 0 ? 0 : errno;
}

int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pthread_barrier_t barrier;
void* thread_body(void* arg) {
  if (arg) pthread_barrier_wait(&barrier);
  return reinterpret_cast<void*>(static_cast<intptr_t>(touch()));
}

int threads(int count, int rounds) {
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 64 * 1024);
  for (int round = 0; round < rounds; round++) {
    pthread_barrier_init(&barrier, nullptr, static_cast<unsigned>(count));
    std::vector<pthread_t> made(static_cast<size_t>(count));
    for (auto& thread : made)
      if (pthread_create(&thread, &small, thread_body, &barrier) != 0) return 3;
    for (auto& thread : made) {
      void* answer = nullptr;
      pthread_join(thread, &answer);
      expect(answer == nullptr, "a thread's open was refused");
    }
  }
  return result();
}

int fork_tree(int depth) {
  if (depth == 0) return touch();
  pid_t child = fork();
  if (child == 0) _exit(fork_tree(depth - 1));
  expect(wait_for(child) == 0, "fork child");
  return result() | touch();
}

int spawn(char** arguments) {
  pid_t child = 0;
  int error = posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments, environ);
  return error ? 100 + error : wait_for(child);
}

int vfork_exec(char** arguments) {
  pid_t child = vfork();
  if (child == 0) {
    execv("/nonexistent/program", arguments);  // fails and changes nothing
    execvp(arguments[0], arguments);
    _exit(127);
  }
  return wait_for(child);
}

char** exec_arguments;
void* exec_body(void*) {
  execvp(exec_arguments[0], exec_arguments);
  _exit(99);
}
int exec_from_thread(char** arguments) {
  exec_arguments = arguments;
  pthread_t thread;
  pthread_create(&thread, nullptr, exec_body, nullptr);
  for (;;) touch();
}

int exec_failure() {
  char* arguments[] = {const_cast<char*>("x"), nullptr};
  expect(execv("/nonexistent/program", arguments) == -1 && errno == ENOENT, "exec must fail");
  expect(touch() == 0, "an exec that failed must change nothing");
  expect(execv("/etc/passwd", arguments) == -1 && errno == EACCES, "exec of a text file must fail");
  expect(touch() == 0, "still nothing");
  return result();
}

int second_robust_list() {
  struct {
    void* next;
    long offset;
    void* pending;
  } head = {&head, 0, nullptr};
  expect(syscall(SYS_set_robust_list, &head, sizeof(head)) == -1 && errno == EPERM, "a second robust list");
  pid_t child = vfork();
  if (child == 0) _exit(syscall(SYS_set_robust_list, &head, sizeof(head)) == -1 && errno == EPERM ? 0 : 1);
  expect(wait_for(child) == 0, "a robust list of a vfork child");
  return result();
}

long marker(long op, long a = 0, long b = 0, long nonce = 0) { return prctl(LG_PRCTL, op, a, b, nonce); }

int forged_markers() {
  expect(marker(LG_MARKER_PROBE) == LG_ABI_VERSION, "probe");
  lg_area area{};
  area.version = LG_ABI_VERSION;
  lg_hello hello{};
  hello.version = LG_ABI_VERSION;
  hello.runtime = LG_RUNTIME_CPYTHON;
  hello.area = reinterpret_cast<uint64_t>(&area);
  expect(marker(LG_MARKER_HELLO, reinterpret_cast<long>(&hello), sizeof(hello)) == -1, "a forged hello");
  for (long op = LG_MARKER_RESOLVE; op <= LG_MARKER_SELF_CHECK + 1; op++)
    expect(marker(op, 640) == -1 && errno == EPERM, "a marker call without a hello");
  return result();
}

void* self_signal(void*) { return nullptr; }

int attack_supervisor() {
  const pid_t target = getppid();
  siginfo_t info{};
  info.si_code = SI_QUEUE;
  char byte = 0;
  iovec local{&byte, 1}, remote{&byte, 1};
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(0, &cpus);
  sched_param param{};
  rlimit limit{64, 64};
  auto refused = [](long answer, const char* what) { expect(answer == -1 && errno == EPERM, what); };
  refused(kill(target, SIGKILL), "kill");
  refused(kill(-1, SIGKILL), "kill everybody");
  refused(syscall(SYS_tkill, target, SIGKILL), "tkill");
  refused(syscall(SYS_tgkill, target, target, SIGKILL), "tgkill");
  refused(syscall(SYS_rt_sigqueueinfo, target, SIGKILL, &info), "rt_sigqueueinfo");
  refused(syscall(SYS_rt_tgsigqueueinfo, target, target, SIGKILL, &info), "rt_tgsigqueueinfo");
  refused(syscall(SYS_pidfd_open, target, 0), "pidfd_open");
  refused(ptrace(PTRACE_ATTACH, target, 0, 0), "ptrace attach");
  refused(ptrace(PTRACE_SEIZE, target, 0, 0), "ptrace seize");
  refused(process_vm_readv(target, &local, 1, &remote, 1, 0), "process_vm_readv");
  refused(process_vm_writev(target, &local, 1, &remote, 1, 0), "process_vm_writev");
  refused(prlimit(target, RLIMIT_NOFILE, &limit, nullptr), "prlimit");
  refused(setpriority(PRIO_PROCESS, static_cast<id_t>(target), 19), "setpriority");
  refused(setpriority(PRIO_USER, 0, 19), "setpriority of the user");
  refused(sched_setaffinity(target, sizeof(cpus), &cpus), "sched_setaffinity");
  refused(sched_setscheduler(target, SCHED_IDLE, &param), "sched_setscheduler");
  refused(syscall(SYS_ioprio_set, 1, target, 0x6000), "ioprio_set");
  int ends[2];
  if (pipe(ends) != 0) return 3;
  int owner = target;
  refused(fcntl(ends[0], F_SETOWN, target), "F_SETOWN");
  refused(ioctl(ends[0], FIOSETOWN, &owner), "FIOSETOWN");
  refused(ioctl(ends[0], SIOCSPGRP, &owner), "SIOCSPGRP");
  refused(ioctl(0, TIOCSTI, &byte), "TIOCSTI");
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d", target);
  int folder = open(path, O_RDONLY | O_DIRECTORY);
  expect(folder >= 0, "open of /proc/SUPERVISOR");
  refused(syscall(SYS_pidfd_send_signal, folder, SIGKILL, nullptr, 0), "pidfd_send_signal by a directory");
  for (const char* name : {"mem", "oom_score_adj", "comm"}) {
    std::snprintf(path, sizeof(path), "/proc/%d/%s", target, name);
    int error = touch(path);
    expect(error == EPERM || error == EACCES, path);
  }
  expect(getppid() == target, "the supervisor is gone");
  return result();
}

// What may still be done to others and to oneself.
int ordinary_signals() {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  int pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  expect(pidfd >= 0, "pidfd_open of a child");
  expect(syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, nullptr, 0) == 0, "pidfd_send_signal to a child");
  expect(wait_for(child) == 128 + SIGTERM, "the child must have got it");
  child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  expect(kill(child, SIGKILL) == 0 && wait_for(child) == 128 + SIGKILL, "kill of a child");
  expect(kill(getpid(), 0) == 0 && raise(0) == 0, "signal to oneself");
  expect(fcntl(0, F_SETOWN, getpid()) == 0 || errno == ENOTTY || errno == EINVAL, "F_SETOWN to oneself");
  return result();
}

int group_kill() {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  kill(0, SIGKILL);  // the whole group, and the supervisor shares it
  return 4;
}

// mkdir of the 32-bit table, its path where such a call can name it.
long mkdir_32(const char* path) {
  void* low = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (low == MAP_FAILED) return 0;
  strcpy(static_cast<char*>(low), path);
  long made = 39;
  asm volatile("int $0x80" : "+a"(made) : "b"(low), "c"(0755) : "memory", "r8", "r9", "r10", "r11");
  return made;
}

int foreign_calls() {
  const std::string path = "/tmp/libguard-foreign-" + std::to_string(getpid());
  expect(syscall(0x40000000 | SYS_mkdir, path.c_str(), 0755) == -1 && errno == ENOSYS, "x32");
  expect(syscall(0x40000000 | 520, path.c_str(), nullptr, nullptr) == -1 && errno == ENOSYS, "x32 execve");
  expect(syscall(-1) == -1 && errno == ENOSYS, "no call at all");
  expect(mkdir_32(path.c_str()) == -ENOSYS, "int 0x80");
  expect(access(path.c_str(), F_OK) != 0, "nothing was made");
  expect(syscall(SYS_io_uring_setup, 1, nullptr) == -1 && errno == EPERM, "io_uring");
  expect(syscall(SYS_clone3, nullptr, 0) == -1 && errno == ENOSYS, "clone3");
  return result();
}

volatile sig_atomic_t alarms;
void on_alarm(int) { alarms = alarms + 1; }

int signal_storm(int rounds, int flags) {
  struct sigaction action {};
  action.sa_handler = on_alarm;
  action.sa_flags = flags;
  sigaction(SIGALRM, &action, nullptr);
  itimerval every{{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &every, nullptr);
  int interrupted = 0, refused = 0;
  for (int i = 0; i < rounds; i++) {
    int error = touch();
    if (error == EINTR)
      interrupted++;
    else if (error)
      refused++;
  }
  itimerval off{};
  setitimer(ITIMER_REAL, &off, nullptr);
  std::printf("signals %d interrupted %d refused %d\n", static_cast<int>(alarms), interrupted, refused);
  expect(refused == 0 && alarms > 10, "refused or no signals");
  // Without SA_RESTART a signal that comes before the notification was received ends the call; no supervisor can
  // help that, and the in-process client repeats it.
  expect(interrupted == 0 || (flags & SA_RESTART) == 0, "interrupted although the handler restarts");
  expect(interrupted < rounds / 10, "interrupted far too often");
  return result();
}

// Children that are killed in the middle of their calls.
int deaths(int rounds) {
  for (int i = 0; i < rounds; i++) {
    pid_t child = fork();
    if (child == 0)
      for (;;) touch();
    timespec pause{0, (i % 50) * 20'000};
    nanosleep(&pause, nullptr);
    kill(child, SIGKILL);
    expect(wait_for(child) == 128 + SIGKILL, "killed child");
  }
  return result();
}

int churn(int per_second, int seconds) {
  const long step = 1'000'000'000l / per_second;
  timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  char* truth[] = {const_cast<char*>("/bin/true"), nullptr};
  for (int i = 0; i < per_second * seconds; i++) {
    pid_t child = i % 2 ? fork() : vfork();
    if (child == 0) {
      execv(truth[0], truth);
      _exit(127);
    }
    expect(wait_for(child) == 0, "child");
    next.tv_nsec += step;
    while (next.tv_nsec >= 1'000'000'000l) next.tv_nsec -= 1'000'000'000l, next.tv_sec++;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, nullptr);
  }
  return result();
}

int second_listener() {
  const sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  int answer = lg_install_filter(&allow, 1);
  expect(answer == -EBUSY, "a second listener");
  expect(std::strstr(lg_install_filter_reason(EBUSY), "already") != nullptr, "its reason");
  return result();
}

// A parent that is gone before its child makes its first call.
int orphan() {
  if (fork() == 0) {
    if (fork() == 0) {
      usleep(20000);
      _exit(touch() == 0 ? 0 : 1);
    }
    _exit(0);
  }
  while (wait(nullptr) > 0) {
  }
  usleep(60000);
  return 0;
}

// Changes a file by a path that another thread swaps all the time between one that may be changed (there/) and one of
// the same length that may not (kept/). The answer is 0 once the wrong one was changed, 1 if that never happened.
char raced_path[4096];
const char* raced_ends[2];
std::atomic<bool> raced_over{false};

void* swap_path(void*) {
  const size_t at = std::strlen(raced_path) - std::strlen(raced_ends[0]);
  for (unsigned turn = 0; !raced_over.load(std::memory_order_relaxed); turn++) {
    std::memcpy(raced_path + at, raced_ends[turn & 1], std::strlen(raced_ends[0]));
    for (int pause = 0; pause < 100; pause++) asm volatile("pause");
  }
  return nullptr;
}

bool make_file(const std::string& path, const char* text) {
  int fd = open(path.c_str(), O_CREAT | O_WRONLY, 0644);
  bool good = fd >= 0 && write(fd, text, std::strlen(text)) >= 0;
  if (fd >= 0) close(fd);
  return good;
}

int race(const std::string& call, const std::string& folder, int rounds) {
  const std::string draft = folder + "/there/draft", kept = folder + "/kept/target";
  const std::string own = folder + "/there/target", wrong = call == "memory" ? "/proc/self/mem" : kept;
  static std::string ends[2];  // of one length
  ends[0] = own, ends[1] = "/" + std::string(own.size() - wrong.size(), '/') + wrong.substr(1);
  raced_ends[0] = ends[0].c_str(), raced_ends[1] = ends[1].c_str();
  std::snprintf(raced_path, sizeof(raced_path), "%s", raced_ends[0]);
  const bool existed = access(kept.c_str(), F_OK) == 0;
  if (!make_file(draft, "draft")) return 3;
  pthread_t thread;
  pthread_create(&thread, nullptr, swap_path, nullptr);
  bool slipped = false;
  for (int round = 0; round < rounds && !slipped; round++) {
    if (call == "unlink") unlink(raced_path);
    if (call == "truncate") truncate(raced_path, 0);
    if (call == "link" && link(draft.c_str(), raced_path) == 0) unlink((folder + "/there/target").c_str());
    if (call == "rename" && rename(draft.c_str(), raced_path) == 0) make_file(draft, "draft");
    if (call == "write" || call == "memory") {
      int fd = open(raced_path, call == "memory" ? O_WRONLY | O_CREAT : O_WRONLY | O_CREAT | O_TRUNC, 0644);
      struct statfs system;
      slipped = call == "memory" && fd >= 0 && fstatfs(fd, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
      if (fd >= 0) close(fd);
      if (slipped) break;
    }
    struct stat info;
    const bool exists = stat(kept.c_str(), &info) == 0;
    slipped = exists != existed || (exists && info.st_size == 0);
  }
  raced_over.store(true);
  pthread_join(thread, nullptr);
  return slipped ? 0 : 1;
}

// In a directory that has a protected entry beside it names come and go as ever.
int beside(const std::string& folder) {
  auto at = [&](const char* name) { return folder + "/" + name; };
  auto writes = [&](const std::string& path, int flags) {
    int fd = open(path.c_str(), O_WRONLY | flags, 0644);
    bool good = fd >= 0 && write(fd, "text", 4) == 4 && ftruncate(fd, 2) == 0;
    if (fd >= 0) close(fd);
    return good;
  };
  expect(writes(at("there/made"), O_CREAT | O_EXCL), "make a file in a directory of before");
  expect(writes(at("before"), O_TRUNC), "write a file of before");
  expect(writes(at("new"), O_CREAT), "make a file beside it");
  expect(writes(at("new"), O_APPEND), "append to it");
  expect(truncate(at("new").c_str(), 1) == 0, "truncate it");
  expect(rename(at("new").c_str(), at("before").c_str()) == 0, "put it in the place of another");
  expect(writes(at("before"), O_TRUNC), "write the file that replaced another");
  expect(rename(at("before").c_str(), at("there/moved").c_str()) == 0, "move it into a directory");
  expect(link(at("there/moved").c_str(), at("second").c_str()) == 0, "give it a second name outside");
  expect(link(at("second").c_str(), at("there/third").c_str()) == 0, "and a third inside");
  expect(symlink("second", at("pointer").c_str()) == 0 &&
             linkat(AT_FDCWD, at("pointer").c_str(), AT_FDCWD, at("there/followed").c_str(), AT_SYMLINK_FOLLOW) == -1 &&
             errno == EXDEV,
         "what a link leads to is the kernel's");
  expect(link(at("missing").c_str(), at("there/fourth").c_str()) == -1 && errno == ENOENT, "link nothing");
  expect(mkdir(at("folder").c_str(), 0755) == 0 && writes(at("folder/file"), O_CREAT), "make a directory and a file");
  expect(rename(at("folder").c_str(), at("there/folder").c_str()) == 0, "move the directory");
  expect(writes(at("there/folder/file"), 0), "write what is in it");
  expect(rename(at("there").c_str(), at("elsewhere").c_str()) == 0, "rename a directory of before");
  expect(writes(at("elsewhere/made"), 0), "write what is in it");
  expect(mkdir(at("there").c_str(), 0755) == 0 && writes(at("there/made"), O_CREAT), "make it again");
  expect(!writes(at("kept/target"), 0) && errno == EPERM, "a protected file stays");
  expect(!writes(at("file-kept"), 0) && errno == EPERM, "a protected file beside stays");
  expect(writes("/proc/self/comm", 0) || errno == EINVAL, "set its own name");  // a file of procfs has no size
  expect(touch("/dev/null") == 0, "write to a device");
  return result();
}

int latency(int rounds) {
  timespec start, end;
  double best = 1e9;
  for (int batch = 0; batch < 20; batch++) {
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < rounds; i++) syscall(SYS_getppid);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double each = ((end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec)) / rounds;
    if (each < best) best = each;
  }
  std::printf("%.0f ns\n", best);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string verb = argc > 1 ? argv[1] : "";
  int first = argc > 2 ? std::atoi(argv[2]) : 0, second = argc > 3 ? std::atoi(argv[3]) : 0;
  (void)self_signal;
  if (verb == "ok") return touch();
  if (verb == "exit") return first;
  if (verb == "raise") return raise(first);
  if (verb == "threads") return threads(first, second ? second : 1);
  if (verb == "fork") return fork_tree(first);
  if (verb == "spawn") return spawn(argv + 2);
  if (verb == "vfork") return vfork_exec(argv + 2);
  if (verb == "exec-thread") return exec_from_thread(argv + 2);
  if (verb == "exec-failure") return exec_failure();
  if (verb == "robust") return second_robust_list();
  if (verb == "markers") return forged_markers();
  if (verb == "attack") return attack_supervisor();
  if (verb == "signals") return ordinary_signals();
  if (verb == "group-kill") return group_kill();
  if (verb == "foreign") return foreign_calls();
  if (verb == "storm") return signal_storm(first, second ? SA_RESTART : 0);
  if (verb == "deaths") return deaths(first);
  if (verb == "churn") return churn(first, second);
  if (verb == "listener") return second_listener();
  if (verb == "orphan") return orphan();
  if (verb == "beside") return beside(argv[2]);
  if (verb == "latency") return latency(first);
  if (verb == "race") return race(argv[2], argv[3], std::atoi(argv[4]));
  if (verb == "open") return touch(argv[2]);
  if (verb == "create") {
    int fd = open(argv[2], O_CREAT | O_WRONLY | O_TRUNC, 0666);
    if (fd < 0) return errno;
    return write(fd, "x", 1) == 1 ? 0 : errno;
  }
  if (verb == "unlink") return unlink(argv[2]) == 0 ? 0 : errno;
  if (verb == "rename") return rename(argv[2], argv[3]) == 0 ? 0 : errno;
  if (verb == "link") return link(argv[2], argv[3]) == 0 ? 0 : errno;
  return 2;
}
