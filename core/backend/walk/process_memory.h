// SPDX-License-Identifier: Apache-2.0
// ProcessMemory: reads the memory of one guarded process.
//
// Way:     events -> *stack*: all that the supervisor knows about a guarded process' stack comes through here.
// Thread:  the serving thread only.
// Failure: a short read is reported as such (bytes that were read, `error` says why); never an exception, never a
// retry.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace libguard {

struct ReadCounts {
  uint64_t calls = 0;       // batches asked for
  uint64_t pieces = 0;      // pieces in them
  uint64_t short_ = 0;      // batches that ended early
  uint64_t descriptor = 0;  // batches read through the descriptor
};

class ProcessMemory {
 public:
  explicit ProcessMemory(pid_t pid);
  ~ProcessMemory();
  ProcessMemory(const ProcessMemory&) = delete;
  ProcessMemory& operator=(const ProcessMemory&) = delete;

  // Owns `fd`, a descriptor of the process' /proc/PID/mem: used from then on where process_vm_readv is refused.
  void adopt_fd(int fd);
  // A living thread of the process to read through: its leader may have ended before the others.
  void through(pid_t tid) { tid_ = tid; }
  pid_t pid() const { return pid_; }

  // All of `size` bytes or nothing that may be used.
  bool read(uint64_t address, void* to, size_t size);
  template <class T>
  bool read(uint64_t address, T* to) {
    return read(address, to, sizeof(T));
  }
  // At most kMaxPieces pieces, to[i] from from[i] (same lengths), in order; answers the bytes read before the first
  // piece that could not be read. REQUIRES: count <= kMaxPieces.
  size_t read_batch(const iovec* to, const iovec* from, size_t count);

  // The caller's text at `address` will be asked for: its first bytes come along with the next batch, at the price of
  // one more piece in the place of a system call. Forgets the text of the call before.
  void expect_text(uint64_t address) { text_at_ = address, text_size_ = 0; }
  // What came along of it: empty if nothing did. May lack its end.
  std::string_view expected_text(uint64_t address) const {
    return address == text_at_ ? std::string_view(text_, text_size_) : std::string_view();
  }

  // errno of the last batch that ended early: EFAULT not mapped, EPERM not allowed, ESRCH gone.
  int error() const { return error_; }
  const ReadCounts& counts() const { return counts_; }

  static constexpr size_t kMaxPieces = 512;

 private:
  ssize_t read_with_text(const iovec* to, const iovec* from, size_t count, size_t wanted);
  size_t read_descriptor(const iovec* to, const iovec* from, size_t count);

  pid_t pid_;
  pid_t tid_;
  int fd_ = -1;
  bool refused_ = false;  // process_vm_readv said EPERM once: the descriptor first from then on
  int error_ = 0;
  uint64_t text_at_ = 0;  // 0: none is expected
  size_t text_size_ = 0;
  char text_[256];
  ReadCounts counts_;
};

}  // namespace libguard
