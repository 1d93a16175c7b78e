// SPDX-License-Identifier: Apache-2.0
// The serving loop and the answers.
//
// Way:     see fake_supervisor.h.
// Thread:  one.
// Failure: see fake_supervisor.h.
#include "fake_supervisor.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace libguard::test {
namespace {

constexpr int kRequests = 100, kAnswers = 101;

constexpr int kPathCalls[] = {SYS_mkdir, SYS_rename, SYS_chmod, SYS_symlink, SYS_unlink, SYS_rmdir};

int install_filter(bool path_calls) {
  std::vector<sock_filter> filter = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (int nr : kPathCalls) {
    if (!path_calls) break;
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(nr), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  }
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3));
  filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LG_PRCTL, 0, 1));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

void send_fd(int socket, int fd) {
  char byte = 0;
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(socket, &message, 0) != 1) _exit(126);
}

int receive_fd(int socket) {
  char byte;
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
    throw std::runtime_error("no listener");
  int fd;
  std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

bool take(int fd, std::string& into) {
  char buffer[4096];
  ssize_t got = ::read(fd, buffer, sizeof buffer);
  if (got > 0) into.append(buffer, static_cast<size_t>(got));
  return got > 0;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

bool FakeSupervisor::read(uint64_t address, void* to, size_t size) {
  iovec local = {to, size}, remote = {reinterpret_cast<void*>(address), size};
  return process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

long FakeSupervisor::hello(pid_t pid, uint64_t address) {
  pid_ = pid;
  result_.hellos++;
  if (!answers_hello) return -EPERM;
  if (!read(address, &hello_, sizeof hello_) || hello_.version != LG_ABI_VERSION) return -EINVAL;
  lg_area area;
  if (!read(hello_.area, &area, sizeof area) || std::memcmp(area.nonce, hello_.nonce, sizeof area.nonce) != 0)
    return -EINVAL;
  return enforce ? 1 : 0;
}

// "pkg/__pycache__/mod.cpython-311.pyc" -> "pkg.mod"; "pkg/__init__.py" -> "pkg".
std::string FakeSupervisor::module_of(const std::string& relative) const {
  std::string name = relative;
  if (size_t at = name.find("__pycache__/"); at != std::string::npos) name.erase(at, 12);
  if (size_t at = name.find(".cpython-"); at != std::string::npos) name.erase(at);
  for (const char* suffix : {".pyc", ".py", ".so"})
    if (ends_with(name, suffix)) name.erase(name.size() - std::strlen(suffix));
  if (ends_with(name, "/__init__")) name.erase(name.size() - 9);
  for (char& c : name)
    if (c == '/') c = '.';
  return name;
}

uint64_t FakeSupervisor::resolve(pid_t pid, uint64_t address) {
  struct lg_resolve question;
  pid_ = pid;
  if (!read(address, &question, sizeof question)) return 0;
  std::string path(question.length, 0);
  if (!read(question.path, path.data(), path.size())) return 0;
  result_.resolves++;
  auto named = [&](uint16_t library, bool trusted, const std::string& module) {
    uint32_t hash = lg_fnv1a(LG_FNV_OFFSET, module.data(), module.size());
    modules_[hash] = module;
    bool imports = module == "importlib._bootstrap" || module == "importlib._bootstrap_external" ||
                   module == "_frozen_importlib_external" || module == "zipimport" || module == "runpy";
    return LG_RESOLVED(library, imports ? LG_VOUCH_IMPORT : 0, trusted, hash);
  };
  if (question.kind == LG_RESOLVE_FROZEN) return named(LG_RUNTIME, true, path);
  if (question.kind == LG_RESOLVE_COMMAND)
    return path == commands_of_runtime ? named(LG_RUNTIME, true, "__main__") : named(LG_UNKNOWN, false, "");
  const Root* best = nullptr;
  for (const Root& root : roots_)
    if (path.compare(0, root.directory.size() + 1, root.directory + "/") == 0)
      if (!best || root.directory.size() > best->directory.size()) best = &root;
  if (!best) return named(LG_UNKNOWN, false, "");
  bool sourceless = ends_with(path, ".pyc") && path.find("/__pycache__/") == std::string::npos &&
                    path.find(".zip/") == std::string::npos;
  std::string relative = path.substr(best->directory.size() + 1);
  if (!best->package.empty()) relative = best->package + "/" + relative;
  return named(best->library, best->trusted && !sourceless, module_of(relative));
}

long FakeSupervisor::answer(const seccomp_notif& call) {
  pid_t pid = static_cast<pid_t>(call.pid);
  uint64_t op = call.data.args[1], address = call.data.args[2];
  if (op == LG_MARKER_PROBE) return LG_ABI_VERSION;
  if (op == LG_MARKER_HELLO) {
    site_ = call.data.instruction_pointer;
    return hello(pid, address);
  }
  uint64_t nonce;
  std::memcpy(&nonce, hello_.nonce, sizeof nonce);
  if (call.data.args[4] != nonce || call.data.instruction_pointer != site_) return -EPERM;
  switch (op) {
    case LG_MARKER_RESOLVE:
      return static_cast<long>(resolve(pid, address));
    case LG_MARKER_OPERATION:
      log_.push_back(std::to_string(address));
      return refused_.count(static_cast<int>(address)) ? -EACCES : 0;
    case LG_MARKER_HANDOFF_NOTE:
      log_.push_back("note:" + std::to_string(next_note_));
      return next_note_++;
    case LG_MARKER_HANDOFF_ENTER: {
      long before = in_force_[pid];
      in_force_[pid] = static_cast<long>(address);
      log_.push_back("enter:" + std::to_string(address));
      return before;
    }
    case LG_MARKER_HANDOFF_RELEASE:
      log_.push_back("release:" + std::to_string(address));
      return 0;
    case LG_MARKER_SELF_CHECK:
    case LG_MARKER_PHASE:
      return 0;
    default:
      return -EINVAL;
  }
}

std::string FakeSupervisor::name_of(uint32_t function) {
  lg_area area;
  if (!read(hello_.area, &area, sizeof area)) return "?";
  std::string names(area.names_used, 0);
  if (!read(area.names, names.data(), names.size())) return "?";
  for (size_t at = 0; at + sizeof(lg_name_record) <= names.size();) {
    lg_name_record record;
    std::memcpy(&record, names.data() + at, sizeof record);
    std::string name = names.substr(at + sizeof record, record.length);
    if (record.function == function) return modules_[record.module_hash] + "." + name;
    at += (sizeof record + record.length + 7) & ~7ull;
  }
  return "?";
}

// "LIBRARY NAME", NAME "-" for dynamic code; "none" without an entry.
std::string FakeSupervisor::entry(uint64_t code) {
  lg_area area;
  if (!read(hello_.area, &area, sizeof area)) return "unreadable";
  uint32_t first = lg_code_bucket_of(code);
  for (uint32_t probe = 0; probe < LG_TABLE_PROBES; probe++) {
    lg_code_bucket bucket;
    uint64_t at = area.table + ((first + probe) & (LG_TABLE_BUCKETS - 1)) * sizeof bucket;
    if (!read(at, &bucket, sizeof bucket)) return "unreadable";
    for (const lg_code_entry& one : bucket.entry)
      if (one.code == code) return std::to_string(one.library) + " " + (one.function ? name_of(one.function) : "-");
  }
  return "none";
}

std::string FakeSupervisor::request(const std::string& line) {
  std::istringstream words(line);
  std::string word;
  words >> word;
  lg_area area = {};
  read(hello_.area, &area, sizeof area);
  if (word == "entry") {
    uint64_t code = 0;
    words >> code;
    return entry(code);
  }
  if (word == "refuse") {
    int right = 0;
    words >> right;
    refused_.insert(right);
    return "ok";
  }
  if (word == "log") {
    std::string all;
    for (const std::string& one : log_) all += one + " ";
    log_.clear();
    return all;
  }
  if (word == "epoch") return std::to_string(area.epoch);
  if (word == "lost") return std::to_string(area.codes_lost) + " " + std::to_string(area.names_lost);
  if (word == "interrupted") return std::to_string(interrupted_);
  if (word == "names") return std::to_string(area.names_used);
  return "what?";
}

ProgramResult FakeSupervisor::run(const std::vector<std::string>& command,
                                  const std::map<std::string, std::string>& environment, const std::string& client) {
  result_ = {};
  last_id_ = interrupted_ = 0;
  int pair[2], out[2], requests[2], answers[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) || pipe2(out, O_CLOEXEC) || pipe2(requests, O_CLOEXEC) ||
      pipe2(answers, O_CLOEXEC))
    throw std::runtime_error("no descriptors");
  pid_t child = fork();
  if (child == 0) {
    dup2(out[1], 1);
    dup2(out[1], 2);
    dup2(requests[1], kRequests);
    dup2(answers[0], kAnswers);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    setenv("LD_PRELOAD", client.c_str(), 1);
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(strdup(word.c_str()));
    arguments.push_back(nullptr);
    int listener = install_filter(holds_path_calls);
    if (listener < 0) _exit(126);
    send_fd(pair[1], listener);
    close(listener);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  for (int fd : {pair[1], out[1], requests[1], answers[0]}) close(fd);
  int listener = receive_fd(pair[0]);
  std::string line;
  pollfd sources[] = {{listener, POLLIN, 0}, {out[0], POLLIN, 0}, {requests[0], POLLIN, 0}};
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    if (poll(sources, 3, 60000) <= 0) {
      kill(child, SIGKILL);
      result_.out += "\n[timed out]";
      break;
    }
    if (sources[0].revents & POLLIN) {
      if (holds_path_calls) usleep(200);  // time for a signal to come before the notification is received
      seccomp_notif call = {};
      if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0) {
        // The kernel numbers notifications as they are made: a gap is one that a signal took back.
        if (last_id_ != 0) interrupted_ += call.id - last_id_ - 1;
        last_id_ = call.id;
        seccomp_notif_resp response = {};
        response.id = call.id;
        bool held = call.data.nr != SYS_prctl;
        if (held) response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        long value = held ? 0 : answer(call);
        if (value < 0)
          response.error = static_cast<int>(value);
        else
          response.val = value;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
      }
    } else if (sources[0].revents) {
      sources[0].fd = -1;
    }
    if (sources[1].revents && !take(out[0], result_.out)) sources[1].fd = -1;
    if (sources[2].revents) {
      if (!take(requests[0], line)) sources[2].fd = -1;
      for (size_t end; (end = line.find('\n')) != std::string::npos; line.erase(0, end + 1)) {
        std::string reply = request(line.substr(0, end)) + "\n";
        if (write(answers[1], reply.data(), reply.size()) < 0) break;
      }
    }
  }
  for (int fd : {pair[0], out[0], requests[0], answers[1], listener}) close(fd);
  int status = 0;
  waitpid(child, &status, 0);
  result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result_;
}

}  // namespace libguard::test
