// SPDX-License-Identifier: Apache-2.0
// Reads the memory of one guarded process: process_vm_readv, and its /proc/PID/mem where that is refused.
//
// Way:     events -> *stack*.
// Thread:  the serving thread only.
// Failure: short reads are answered as such, `error()` says why.
#include "core/backend/walk/process_memory.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace libguard {
namespace {

constexpr size_t kMostBeforeText = 16;  // pieces of a batch that takes a text along: a call's first one has fewer
constexpr size_t kPage = 4096;

}  // namespace

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
    const bool with_text = text_at_ != 0 && text_size_ == 0 && count < kMostBeforeText;
    const ssize_t result =
        with_text ? read_with_text(to, from, count, wanted) : process_vm_readv(tid_, to, count, from, count, 0);
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

// A text that cannot be read ends the batch behind the pieces that were asked for.
ssize_t ProcessMemory::read_with_text(const iovec* to, const iovec* from, size_t count, size_t wanted) {
  iovec all_to[kMostBeforeText], all_from[kMostBeforeText];
  std::copy(to, to + count, all_to);
  std::copy(from, from + count, all_from);
  const size_t room = std::min(sizeof(text_), kPage - text_at_ % kPage);
  all_to[count] = {text_, room};
  all_from[count] = {reinterpret_cast<void*>(text_at_), room};
  const ssize_t result = process_vm_readv(tid_, all_to, count + 1, all_from, count + 1, 0);
  if (result < 0 || static_cast<size_t>(result) <= wanted) return result;
  text_size_ = static_cast<size_t>(result) - wanted;
  return static_cast<ssize_t>(wanted);
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
