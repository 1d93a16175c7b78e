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
#include <cstring>
#include <fstream>

#include "core/backend/bpf/kernel_side.h"
#include "core/backend/bpf/preemption.h"

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

constexpr uint16_t kCanaryLibrary = LG_MAX_LIBRARIES - 1;  // no guard numbers that many
constexpr uint32_t kCanaryImage = 1;
constexpr int kCanaryErrno = EHWPOISON;  // nothing else answers with it
constexpr ino_t kRootCgroup = 1;         // the kernel numbers it so

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
bool loads(btf* kernel, const char* function, enum bpf_attach_type type) {
  const int id = btf__find_by_name_kind(kernel, function, BTF_KIND_FUNC);
  if (id <= 0) return false;
  const bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type, .attach_btf_id = static_cast<__u32>(id));
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
      {"inode_permission", {LG_NR_open, LG_NR_openat, LG_NR_openat2}, try_lookup},  // with O_PATH too
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

std::vector<HookKind> probe_hooks() {
  std::vector<HookKind> kinds(hooks().size(), HookKind::kNone);
  btf* kernel = btf__load_vmlinux_btf();
  if (kernel == nullptr) return kinds;
  const bool active = lsm_active();
  const bool may_skip = is_preemptible(preemption_facts());  // fmod_ret, of whatever release; LSM programs are not
  const int cgroup = open_root_cgroup();
  for (size_t i = 0; i < kinds.size(); i++) {
    const std::string name = hooks()[i].name;
    if (active && loads(kernel, ("bpf_lsm_" + name).c_str(), BPF_LSM_MAC))
      kinds[i] = HookKind::kLsm;
    else if (!may_skip && loads(kernel, ("security_" + name).c_str(), BPF_MODIFY_RETURN))
      kinds[i] = HookKind::kModifyReturn;
    else if (hooks()[i].in_cgroups && cgroup >= 0 && loads_in_cgroup(cgroup))
      kinds[i] = HookKind::kCgroup;
  }
  if (cgroup >= 0) close(cgroup);
  btf__free(kernel);
  return kinds;
}

std::string hook_text(HookKind kind, const char* name) {
  if (kind == HookKind::kNone) return "";
  if (kind == HookKind::kCgroup) return std::string("cgroup/") + (name + std::strlen("socket_"));
  return std::string(kind == HookKind::kLsm ? "lsm/" : "fmod_ret/security_") + name;
}

std::vector<int> refusable_calls(const std::vector<HookKind>& kinds) {
  std::vector<int> there, missing, calls;
  for (size_t i = 0; i < kinds.size(); i++) {
    auto& list = kinds[i] == HookKind::kNone ? missing : there;
    list.insert(list.end(), hooks()[i].calls.begin(), hooks()[i].calls.end());
  }
  for (int nr : there)
    if (std::count(missing.begin(), missing.end(), nr) == 0) calls.push_back(nr);
  return calls;
}

void prove_hooks(KernelSide& kernel, std::vector<HookKind>& kinds) {
  auto* answers = static_cast<int*>(
      mmap(nullptr, sizeof(int) * kinds.size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  int ready[2];
  if (answers == MAP_FAILED || pipe2(ready, O_CLOEXEC) != 0) {
    std::fill(kinds.begin(), kinds.end(), HookKind::kNone);
    return;
  }
  const CanaryFiles files;
  const lg_settings before = kernel.settings();
  kernel.refuse_everything(kCanaryLibrary, kCanaryErrno);
  lg_image image{};
  image.kind = LG_IMAGE_NATIVE;
  image.library = kCanaryLibrary;
  kernel.set_image(kCanaryImage, image);
  const pid_t child = fork();
  if (child == 0) {
    char go;
    if (read(ready[0], &go, 1) != 1) _exit(1);
    for (size_t i = 0; i < kinds.size(); i++) answers[i] = hooks()[i].canary(files);
    _exit(0);
  }
  const bool guarded = child > 0 && kernel.guard(child, kCanaryImage);
  if (!guarded || write(ready[1], "", 1) != 1) close(ready[1]), ready[1] = -1;
  if (child > 0) waitpid(child, nullptr, 0);
  for (size_t i = 0; i < kinds.size(); i++)
    if (answers[i] != kCanaryErrno) kinds[i] = HookKind::kNone;
  kernel.settings() = before;
  kernel.forget_observations();
  munmap(answers, sizeof(int) * kinds.size());
  close(ready[0]);
  if (ready[1] >= 0) close(ready[1]);
}

}  // namespace libguard
