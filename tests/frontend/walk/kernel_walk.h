// SPDX-License-Identifier: Apache-2.0
// Loads kernel_copy.bpf.c for walk_probe, and compares what it saw with the walk from outside. Needs root.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backend/walk/process_memory.h"
#include "core/base/result.h"
#include "tests/frontend/walk/kernel_copy.h"

struct bpf_object;
struct bpf_link;

namespace libguard::testing {

struct CopyCounts {
  uint64_t compared = 0;
  uint64_t faults = 0;  // a page was not in memory: the programs in the kernel cannot wait for one, and say so
  uint64_t unseen = 0;  // up to 3.12, beside a sub-interpreter: `unknown` by design
  uint64_t frames = 0;
};

class KernelCopy {
 public:
  static Result<std::unique_ptr<KernelCopy>> load();
  ~KernelCopy();
  KernelCopy(const KernelCopy&) = delete;
  KernelCopy& operator=(const KernelCopy&) = delete;

  // For the program under test: asked_by() is what it has to say.
  static uint64_t asked_by();
  // The program's addresses. A forked child has the same.
  Status hello(ProcessMemory& memory, const lg_hello& hello);
  // What is wrong with the walk that thread `tid` has just asked for; "" if it is the same.
  std::string compare(pid_t tid, const lg_stack& expected, const std::vector<lg_code_entry>& frames);
  const CopyCounts& counts() const { return counts_; }

 private:
  KernelCopy() = default;
  bool excused(const lg_kernel_copy& copy);

  bpf_object* object_ = nullptr;
  bpf_link* link_ = nullptr;
  uint32_t version_ = 0;
  CopyCounts counts_;
  std::unique_ptr<lg_kernel_copy> copy_ = std::make_unique<lg_kernel_copy>();
};

}  // namespace libguard::testing
