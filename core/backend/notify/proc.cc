// SPDX-License-Identifier: Apache-2.0
// What /proc says about a task.
//
// Way:     *events* -> stack.
// Thread:  any; reads only.
// Failure: false or an empty value when the task is gone or may not be read.
#include "core/backend/notify/proc.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace libguard {
namespace {

constexpr int kSettleAttempts = 1000, kSettleMicroseconds = 20;

// Reads a small file in one piece; the bytes that were read, at most size - 1, followed by 0.
size_t read_small(const char* path, char* buffer, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  size_t used = 0;
  while (used < size - 1) {
    ssize_t got = read(fd, buffer + used, size - 1 - used);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
  }
  close(fd);
  buffer[used] = 0;
  return used;
}

const char* field(const char* text, const char* name) {
  const char* at = std::strstr(text, name);
  return at ? at + std::strlen(name) : nullptr;
}

template <class Id>
void read_ids(const char* at, Id out[4]) {
  char* next = nullptr;
  for (int i = 0; at && i < 4; i++) {
    out[i] = static_cast<Id>(std::strtoul(at, &next, 10));
    at = next;
  }
}

constexpr uint64_t kFnvOffset = 14695981039346656037ull;

uint64_t mix(uint64_t state, const void* bytes, size_t size) {
  const auto* p = static_cast<const uint8_t*>(bytes);
  for (size_t i = 0; i < size; i++) state = (state ^ p[i]) * 1099511628211ull;
  return state;
}

}  // namespace

bool read_status(pid_t tid, TaskStatus* out) {
  char path[40], text[4096];
  std::snprintf(path, sizeof(path), "/proc/%d/status", tid);
  if (read_small(path, text, sizeof(text)) == 0) return false;
  const char* at = field(text, "\nTgid:");
  if (!at) return false;
  out->tgid = std::atoi(at);
  if ((at = field(text, "\nPPid:"))) out->ppid = std::atoi(at);
  out->own_tgid = out->tgid;
  if ((at = field(text, "\nNStgid:"))) {  // one number per namespace, the innermost last
    char* next = nullptr;
    for (const char* end = at + std::strcspn(at, "\n"); at < end; at = next) {
      long number = std::strtol(at, &next, 10);
      if (next == at || next > end) break;
      out->own_tgid = static_cast<pid_t>(number);
    }
  }
  if ((at = field(text, "\nUmask:"))) out->umask = static_cast<uint32_t>(std::strtoul(at, nullptr, 8));
  read_ids(field(text, "\nUid:"), out->uid);
  read_ids(field(text, "\nGid:"), out->gid);
  if ((at = field(text, "\nGroups:"))) out->groups.assign(at, std::strcspn(at, "\n"));
  if ((at = field(text, "\nCapEff:"))) out->capabilities = std::strtoull(at, nullptr, 16);
  return true;
}

uint64_t read_start_time(pid_t tid) {
  char path[40], text[1024];
  std::snprintf(path, sizeof(path), "/proc/%d/stat", tid);
  if (read_small(path, text, sizeof(text)) == 0) return 0;
  const char* at = std::strrchr(text, ')');  // the name may hold anything
  for (int skipped = 0; at && skipped < 20; skipped++) at = std::strchr(at + 1, ' ');
  return at ? std::strtoull(at + 1, nullptr, 10) : 0;
}

uint64_t clock_ticks() {
  static const auto per_second = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * per_second +
         static_cast<uint64_t>(now.tv_nsec) / (1000000000 / per_second);
}

std::string read_proc_link(pid_t pid, const char* name) {
  char path[64], target[4096];
  std::snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
  ssize_t size = readlink(path, target, sizeof(target));
  return size > 0 ? std::string(target, static_cast<size_t>(size)) : std::string();
}

std::string read_proc_file(pid_t pid, const char* name, size_t limit) {
  char path[64], piece[16384];
  std::snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  std::string text;
  ssize_t got;
  while (fd >= 0 && text.size() < limit && (got = read(fd, piece, sizeof(piece))) > 0)
    text.append(piece, static_cast<size_t>(got));
  if (fd >= 0) close(fd);
  return text;
}

std::vector<std::string> split_nul(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\0', at);
    if (end == std::string::npos) end = text.size();
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool read_position(pid_t tid, Position* out) {
  char path[40], text[320];
  std::snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
  // The kernel tells of a call before its thread has gone to sleep in it: for that moment the thread is "running".
  for (int attempt = 0; attempt < kSettleAttempts; attempt++) {
    if (read_small(path, text, sizeof(text)) == 0) return false;
    if (std::strncmp(text, "running", 7) != 0) break;
    usleep(kSettleMicroseconds);
  }
  unsigned long sp = 0, pc = 0;
  // number, six arguments, stack pointer, instruction pointer
  if (std::sscanf(text, "%*d %*x %*x %*x %*x %*x %*x %lx %lx", &sp, &pc) != 2) return false;
  *out = {sp, pc};
  return true;
}

uint64_t robust_list_of(pid_t tid) {
  void* head = nullptr;
  size_t length = 0;
  if (syscall(SYS_get_robust_list, tid, &head, &length) != 0) return 0;
  return reinterpret_cast<uint64_t>(head);
}

ImageId read_image(pid_t pid, ProcessMemory& memory) {
  char path[40];
  alignas(8) char text[1024];
  std::snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
  size_t size = read_small(path, text, sizeof(text));
  ImageId id;
  if (size < sizeof(Elf64_auxv_t)) return id;
  id.layout = mix(kFnvOffset, text, size);
  for (size_t at = 0; at + sizeof(Elf64_auxv_t) <= size; at += sizeof(Elf64_auxv_t)) {
    Elf64_auxv_t entry;
    std::memcpy(&entry, text + at, sizeof(entry));
    if (entry.a_type != AT_RANDOM) continue;
    uint8_t random[16];
    if (memory.read(entry.a_un.a_val, random, sizeof(random))) id.random = mix(kFnvOffset, random, sizeof(random));
    break;
  }
  return id;
}

}  // namespace libguard
