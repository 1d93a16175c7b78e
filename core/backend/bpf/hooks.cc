// SPDX-License-Identifier: Apache-2.0
// The table of hooks, and how they are probed.
//
// Way:     see hooks.h.
// Thread:  see hooks.h.
// Failure: see hooks.h.
#include "core/backend/bpf/hooks.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>

#include "core/backend/bpf/kernel_side.h"
#include "core/backend/bpf/paging.h"
#include "core/backend/bpf/preemption.h"
#include "core/backend/bpf/stubs.h"

namespace libguard {

// Opened before anything is refused.
struct CanaryFiles {
  int unix_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int stream = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

  CanaryFiles() = default;
  CanaryFiles(const CanaryFiles&) = delete;
  CanaryFiles& operator=(const CanaryFiles&) = delete;
  ~CanaryFiles() {
    for (int fd : {unix_socket, stream, file, null}) close(fd);
  }
};

namespace {

constexpr uint32_t kCanaryImage = 1;
constexpr int kCanaryErrno = EHWPOISON;     // nothing else answers with it
constexpr int kCanaryMilliseconds = 20000;  // for all calls, of which some would wait if nobody refused them
constexpr ino_t kRootCgroup = 1;            // the kernel numbers it so

int outcome(long result) { return result < 0 ? errno : 0; }

sockaddr_un nowhere() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path + 1, "libguard-canary");
  return address;
}

int try_open(const CanaryFiles&) { return outcome(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY)); }
int try_lookup(const CanaryFiles&) { return outcome(syscall(SYS_openat, AT_FDCWD, "/dev/null", O_PATH)); }
int try_ioctl(const CanaryFiles& files) {
  int pending = 0;
  return outcome(ioctl(files.file, FIONREAD, &pending));
}
int try_sendfile(const CanaryFiles& files) { return outcome(sendfile(files.null, files.file, nullptr, 1)); }
int try_socket(const CanaryFiles&) { return outcome(socket(AF_UNIX, SOCK_DGRAM, 0)); }
int try_bind(const CanaryFiles& files) {
  sockaddr_un address = nowhere();
  return outcome(bind(files.unix_socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
}
int try_listen(const CanaryFiles& files) { return outcome(listen(files.stream, 1)); }
int try_connect(const CanaryFiles& files) {
  sockaddr_un address = nowhere();
  return outcome(connect(files.unix_socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
}
int try_send(const CanaryFiles& files) { return outcome(send(files.unix_socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL)); }
int try_shutdown(const CanaryFiles& files) { return outcome(shutdown(files.unix_socket, SHUT_RDWR)); }
int try_setsockopt(const CanaryFiles& files) {
  int on = 1;
  return outcome(setsockopt(files.unix_socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
}
int try_getsockopt(const CanaryFiles& files) {
  int value = 0;
  socklen_t size = sizeof(value);
  return outcome(getsockopt(files.unix_socket, SOL_SOCKET, SO_TYPE, &value, &size));
}
int try_nice(const CanaryFiles&) { return outcome(setpriority(PRIO_PROCESS, 0, 1)); }
int try_affinity(const CanaryFiles&) {
  cpu_set_t all;
  CPU_ZERO(&all);
  CPU_SET(0, &all);
  return outcome(sched_setaffinity(0, sizeof(all), &all));
}
int try_limit(const CanaryFiles&) {
  rlimit limit{0, 0};
  return outcome(syscall(SYS_setrlimit, RLIMIT_CORE, &limit));
}
int try_io_priority(const CanaryFiles&) { return outcome(syscall(SYS_ioprio_set, 1, 0, 2 << 13)); }

// One instruction pair: "no objection". Loading and attaching it shows whether the kernel would take the real one.
bool loads(btf* kernel, const char* function, enum bpf_attach_type type, __u32 flags = 0) {
  const int id = btf__find_by_name_kind(kernel, function, BTF_KIND_FUNC);
  if (id <= 0) return false;
  const bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type, .prog_flags = flags,
              .attach_btf_id = static_cast<__u32>(id));
  const auto kind = type == BPF_LSM_MAC ? BPF_PROG_TYPE_LSM : BPF_PROG_TYPE_TRACING;
  const int fd = bpf_prog_load(kind, "lg_probe", "GPL", program, 2, &options);
  if (fd < 0) return false;
  const int link = bpf_raw_tracepoint_open(nullptr, fd);
  close(fd);
  if (link >= 0) close(link);
  return link >= 0;
}

bool loads_in_cgroup(int root) {
  const bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_SETSOCKOPT);
  const int fd = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCKOPT, "lg_probe", "GPL", program, 2, &options);
  const int link = fd < 0 ? -1 : bpf_link_create(fd, root, BPF_CGROUP_SETSOCKOPT, nullptr);
  if (fd >= 0) close(fd);
  if (link >= 0) close(link);
  return link >= 0;
}

// Loaded but not active, LSM programs never run.
bool lsm_active() {
  std::ifstream file("/sys/kernel/security/lsm");
  std::string active;
  std::getline(file, active);
  return ("," + active + ",").find(",bpf,") != std::string::npos;
}

}  // namespace

const std::vector<Hook>& hooks() {
  static const std::vector<Hook> all = {
      {"inode_permission", {LG_NR_open, LG_NR_openat, LG_NR_openat2}, try_lookup},  // with O_PATH too, but of "/"
      {"file_open", {LG_NR_open, LG_NR_openat, LG_NR_openat2}, try_open},
      {"file_ioctl", {LG_NR_ioctl}, try_ioctl},
      {"file_permission", {LG_NR_sendfile, LG_NR_copy_file_range}, try_sendfile},
      {"socket_create", {LG_NR_socket, LG_NR_socketpair}, try_socket},
      {"socket_bind", {LG_NR_bind}, try_bind},
      {"socket_listen", {LG_NR_listen}, try_listen},
      {"socket_connect", {LG_NR_connect}, try_connect},
      {"socket_sendmsg", {LG_NR_sendto, LG_NR_sendmsg, LG_NR_sendmmsg}, try_send},
      {"socket_shutdown", {LG_NR_shutdown}, try_shutdown},
      {"socket_setsockopt", {LG_NR_setsockopt}, try_setsockopt, true},
      {"socket_getsockopt", {LG_NR_getsockopt}, try_getsockopt},
      {"task_setnice", {LG_NR_setpriority}, try_nice},
      {"task_setscheduler",
       {LG_NR_sched_setparam, LG_NR_sched_setscheduler, LG_NR_sched_setaffinity, LG_NR_sched_setattr},
       try_affinity},
      {"task_setrlimit", {LG_NR_setrlimit, LG_NR_prlimit64}, try_limit},
      {"task_setioprio", {LG_NR_ioprio_set}, try_io_priority},
  };
  return all;
}

int open_root_cgroup() {
  for (const char* place : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    const int fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statfs mounted;
    struct stat status;
    if (fd >= 0 && fstatfs(fd, &mounted) == 0 && mounted.f_type == CGROUP2_SUPER_MAGIC && fstat(fd, &status) == 0 &&
        status.st_ino == kRootCgroup)
      return fd;
    if (fd >= 0) close(fd);
  }
  return -1;
}

namespace {

bool names_all(const std::vector<int>& sorted, const std::vector<int>& calls) {
  return std::all_of(calls.begin(), calls.end(),
                     [&](int nr) { return std::binary_search(sorted.begin(), sorted.end(), nr); });
}

// A call is refused by one mechanism: by its hooks where they are there, and then not at its stub.
void leave_to_hooks(Refusers& refusers) {
  const std::vector<int> hooked = refusable_calls({{}, refusers.hooks});
  std::vector<int>& stubs = refusers.stubs;
  stubs.erase(std::remove_if(stubs.begin(), stubs.end(),
                             [&](int nr) { return std::count(hooked.begin(), hooked.end(), nr) != 0; }),
              stubs.end());
}

// What may not wait for memory would refuse what is allowed, call after call: such calls are notified.
void keep_waiting(Refusers& refusers) {
  const std::vector<int> again = calls_judged_again(refusers);
  refusers.stubs.clear();
  for (size_t i = 0; i < refusers.hooks.size(); i++)
    if (std::none_of(hooks()[i].calls.begin(), hooks()[i].calls.end(),
                     [&](int nr) { return std::count(again.begin(), again.end(), nr) != 0; }))
      refusers.hooks[i] = HookKind::kNone;
}

}  // namespace

Refusers probe_refusers(const std::vector<int>& broken) {
  Refusers refusers{{}, std::vector<HookKind>(hooks().size(), HookKind::kNone)};
  std::vector<HookKind>& kinds = refusers.hooks;
  btf* kernel = btf__load_vmlinux_btf();
  if (kernel == nullptr) return refusers;
  const bool active = lsm_active();
  const bool may_skip = is_preemptible(preemption_facts());  // all but LSM programs, of whatever release
  for (size_t i = 0; active && i < kinds.size(); i++) {
    const std::string function = std::string("bpf_lsm_") + hooks()[i].name;
    if (loads(kernel, function.c_str(), BPF_LSM_MAC, BPF_F_SLEEPABLE))
      kinds[i] = HookKind::kLsmWaiting;
    else if (loads(kernel, function.c_str(), BPF_LSM_MAC))
      kinds[i] = HookKind::kLsm;
  }
  if (!may_skip) refusers.stubs = probe_stubs(broken);
  const int cgroup = open_root_cgroup();
  for (size_t i = 0; i < kinds.size(); i++) {
    if (kinds[i] != HookKind::kNone || names_all(refusers.stubs, hooks()[i].calls)) continue;
    if (!may_skip && loads(kernel, (std::string("security_") + hooks()[i].name).c_str(), BPF_MODIFY_RETURN))
      kinds[i] = HookKind::kModifyReturn;
    else if (hooks()[i].in_cgroups && cgroup >= 0 && loads_in_cgroup(cgroup))
      kinds[i] = HookKind::kCgroup;
  }
  if (cgroup >= 0) close(cgroup);
  btf__free(kernel);
  leave_to_hooks(refusers);
  if (pages_go_away(paging_facts())) keep_waiting(refusers);
  return refusers;
}

std::string hook_text(HookKind kind, const char* name) {
  if (kind == HookKind::kNone) return "";
  if (kind == HookKind::kCgroup) return std::string("cgroup/") + (name + std::strlen("socket_"));
  if (kind == HookKind::kLsmWaiting) return std::string("lsm.s/") + name;
  return std::string(kind == HookKind::kLsm ? "lsm/" : "fmod_ret/security_") + name;
}

std::vector<int> hooked_calls() {
  std::vector<int> calls;
  for (const Hook& hook : hooks()) calls.insert(calls.end(), hook.calls.begin(), hook.calls.end());
  return calls;
}

std::vector<int> refusable_calls(const Refusers& refusers) {
  std::vector<int> there, missing, calls = refusers.stubs;
  for (size_t i = 0; i < refusers.hooks.size(); i++) {
    auto& list = refusers.hooks[i] == HookKind::kNone ? missing : there;
    list.insert(list.end(), hooks()[i].calls.begin(), hooks()[i].calls.end());
  }
  for (int nr : there)
    if (std::count(missing.begin(), missing.end(), nr) == 0) calls.push_back(nr);
  return calls;
}

std::vector<int> calls_judged_again(const Refusers& refusers) {
  std::map<int, HookKind> last;
  for (size_t i = 0; i < refusers.hooks.size(); i++)
    for (int nr : hooks()[i].calls) last[nr] = refusers.hooks[i];
  std::vector<int> calls;
  for (int nr : refusable_calls(refusers))
    if (auto hook = last.find(nr); hook != last.end() && hook->second == HookKind::kLsmWaiting) calls.push_back(nr);
  return calls;
}

namespace {

// In the child that everything is refused to. Of a call that is overridden no argument is looked at.
void try_canaries(const Refusers& refusers, const CanaryFiles& files, int* answers) {
  for (int nr : refusers.stubs) *answers++ = outcome(syscall(nr, -1, 0, 0, 0, 0, 0));
  for (size_t i = 0; i < refusers.hooks.size(); i++)
    *answers++ = refusers.hooks[i] == HookKind::kNone ? 0 : hooks()[i].canary(files);
}

// Until the child ended, or for as long as canaries may take.
void wait_for_end(pid_t child) {
  pollfd end{static_cast<int>(syscall(SYS_pidfd_open, child, 0)), POLLIN, 0};
  poll(&end, 1, kCanaryMilliseconds);
  if (end.fd >= 0) close(end.fd);
}

// Returns the stubs that refused nothing.
std::vector<int> keep_proved(Refusers& refusers, const int* answers) {
  std::vector<int> stubs, broken;
  for (int nr : refusers.stubs) (*answers++ == kCanaryErrno ? stubs : broken).push_back(nr);
  refusers.stubs = stubs;
  for (HookKind& kind : refusers.hooks)
    if (*answers++ != kCanaryErrno) kind = HookKind::kNone;
  return broken;
}

}  // namespace

std::vector<int> prove_refusers(KernelSide& kernel, Refusers& refusers) {
  const size_t tried = refusers.stubs.size() + refusers.hooks.size(), size = sizeof(int) * (tried + 1);
  auto* answers = static_cast<int*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int ready[2];
  if (answers == MAP_FAILED || pipe2(ready, O_CLOEXEC) != 0) {
    refusers = {{}, std::vector<HookKind>(hooks().size(), HookKind::kNone)};
    return {};
  }
  const CanaryFiles files;
  const lg_settings before = kernel.settings();
  kernel.refuse_calls(refusable_calls(refusers), LG_UNKNOWN, kCanaryErrno);
  kernel.judge_again(calls_judged_again(refusers));
  lg_image image{};
  image.kind = LG_IMAGE_PUSHES;  // with no area anywhere: `unknown`, also at the second look where there is one
  kernel.set_image(kCanaryImage, image);
  volatile int* go = answers + tried;
  const pid_t child = fork();
  if (child == 0) {
    if (write(ready[1], "", 1) != 1) _exit(1);
    while (*go == 0) sched_yield();  // by no call that might be refused already
    try_canaries(refusers, files, answers);
    _exit(0);
  }
  char byte;
  close(ready[1]);
  if (child > 0 && read(ready[0], &byte, 1) == 1 && kernel.guard(child, kCanaryImage)) {
    *go = 1;
    wait_for_end(child);
  }
  if (child > 0 && kill(child, SIGKILL) == 0) waitpid(child, nullptr, 0);
  std::vector<int> broken = keep_proved(refusers, answers);
  kernel.settings() = before;
  kernel.forget_observations();
  munmap(answers, size);
  close(ready[0]);
  return broken;
}

}  // namespace libguard
