// SPDX-License-Identifier: Apache-2.0
// Reads the memory of one guarded process: process_vm_readv, and its /proc/PID/mem where that is refused.
//
// Way:     events -> *stack*.
// Thread:  the serving thread only.
// Failure: short reads are answered as such, `error()` says why.
#include "core/backend/walk/process_memory.h"

#include <unistd.h>

#include <cerrno>

namespace libguard {

ProcessMemory::ProcessMemory(pid_t pid) : pid_(pid), tid_(pid) {}

ProcessMemory::~ProcessMemory() {
  if (fd_ >= 0) close(fd_);
}

void ProcessMemory::adopt_fd(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

bool ProcessMemory::read(uint64_t address, void* to, size_t size) {
  const iovec local{to, size};
  const iovec remote{reinterpret_cast<void*>(address), size};
  return read_batch(&local, &remote, 1) == size;
}

size_t ProcessMemory::read_batch(const iovec* to, const iovec* from, size_t count) {
  size_t wanted = 0;
  for (size_t i = 0; i < count; i++) wanted += to[i].iov_len;
  counts_.calls++;
  counts_.pieces += count;
  size_t got = 0;
  if (refused_ && fd_ >= 0) {
    got = read_descriptor(to, from, count);
  } else {
    const ssize_t result = process_vm_readv(tid_, to, count, from, count, 0);
    // A batch that ends early without -1 met a page that is not there.
    error_ = result < 0 ? errno : EFAULT;
    got = result < 0 ? 0 : static_cast<size_t>(result);
    if (result < 0 && error_ == EPERM && fd_ >= 0) {
      refused_ = true;
      got = read_descriptor(to, from, count);
    }
  }
  if (got == wanted) return got;
  counts_.short_++;
  return got;
}

size_t ProcessMemory::read_descriptor(const iovec* to, const iovec* from, size_t count) {
  counts_.descriptor++;
  size_t got = 0;
  for (size_t i = 0; i < count; i++) {
    const auto address = static_cast<off64_t>(reinterpret_cast<uintptr_t>(from[i].iov_base));
    const ssize_t piece = pread64(fd_, to[i].iov_base, to[i].iov_len, address);
    if (piece > 0) got += static_cast<size_t>(piece);
    if (piece == static_cast<ssize_t>(to[i].iov_len)) continue;
    // 0: the memory that the descriptor was opened for is gone (exec, exit). EIO: not mapped.
    error_ = EFAULT;
    break;
  }
  return got;
}

}  // namespace libguard
