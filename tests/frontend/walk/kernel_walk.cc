// SPDX-License-Identifier: Apache-2.0
// Loads kernel_copy.bpf.c for walk_probe, and compares what it saw with the walk from outside. Needs root.
#include "tests/frontend/walk/kernel_walk.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "bpf/kernel.h"
#include "core/backend/walk/python_offsets.h"

namespace libguard::testing {
namespace {

constexpr uint32_t kFirstPlacedVersion = 0x030d;  // from 3.13 on a thread state says which thread runs it

std::string differing(const char* what, uint64_t kernel, uint64_t outside) {
  return std::string("in the kernel ") + what + " " + std::to_string(kernel) + ", outside " + std::to_string(outside);
}

}  // namespace

Result<std::unique_ptr<KernelCopy>> KernelCopy::load() {
  auto made = std::unique_ptr<KernelCopy>(new KernelCopy());
  const Error refused{Code::kUnsupported, "the kernel does not load the copy of the walk", "run as root"};
  made->object_ = bpf_object__open(BPF_OBJECT);
  if (!made->object_) return tl::unexpected(refused);
  bpf_map* constants = bpf_object__find_map_by_name(made->object_, ".rodata");
  const uint64_t constant = asked_by();
  if (!constants || bpf_map__set_initial_value(constants, &constant, sizeof(constant))) return tl::unexpected(refused);
  if (bpf_object__load(made->object_)) return tl::unexpected(refused);
  made->link_ = bpf_program__attach(bpf_object__find_program_by_name(made->object_, "lg_on_asking"));
  if (!made->link_) return tl::unexpected(refused);
  return made;
}

KernelCopy::~KernelCopy() {
  if (link_) bpf_link__destroy(link_);
  if (object_) bpf_object__close(object_);
}

uint64_t KernelCopy::asked_by() { return static_cast<uint64_t>(getpid()); }

Status KernelCopy::hello(ProcessMemory& memory, const lg_hello& hello) {
  auto offsets = python_offsets(memory, hello.hexversion, hello.runtime_state);
  lg_area area;
  if (!offsets) return tl::unexpected(offsets.error());
  if (!memory.read(hello.area, &area))
    return fail(Code::kIo, "the program area cannot be read", "is the program alive?");
  lg_image image{};
  image.kind = LG_IMAGE_CPYTHON;
  image.area = hello.area;
  image.table = area.table;
  std::memcpy(image.nonce, hello.nonce, sizeof(image.nonce));
  image.program = {hello.runtime_state + offsets->runtime_interpreters, hello.none, hello.image_low, hello.image_high};
  image.offsets = *offsets;
  version_ = offsets->version;
  const uint32_t number = LG_COPY_IMAGE;
  if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object_, "images"), &number, &image, BPF_ANY))
    return fail(Code::kIo, "the kernel does not take the program's addresses", "");
  return {};
}

// May it be `unknown` here though the walk from outside sees the stack?
bool KernelCopy::excused(const lg_kernel_copy& copy) {
  if (!(copy.stack.flags & LG_STACK_FAULT)) return false;
  if (copy.interpreters > 1 && version_ < kFirstPlacedVersion) {
    counts_.unseen++;
    return true;
  }
  counts_.faults++;
  return counts_.faults <= 10 + counts_.compared / 10000;
}

std::string KernelCopy::compare(pid_t tid, const lg_stack& expected, const std::vector<lg_code_entry>& frames) {
  const auto key = static_cast<uint32_t>(tid);
  if (bpf_map_lookup_and_delete_elem(bpf_object__find_map_fd_by_name(object_, "copies"), &key, copy_.get()))
    return "the kernel walked nothing";
  counts_.compared++;
  counts_.frames += copy_->count;
  if (excused(*copy_)) return "";
  if (copy_->count != frames.size()) return differing("frames", copy_->count, frames.size());
  for (size_t i = 0; i < std::min<size_t>(copy_->count, LG_MAX_FRAMES); i++)
    if (copy_->codes[i] != frames[i].code)
      return differing(("frame " + std::to_string(i) + " has code").c_str(), copy_->codes[i], frames[i].code);
  if (std::memcmp(&copy_->stack, &expected, sizeof(expected)) == 0) return "";
  if (copy_->stack.caller != expected.caller) return differing("the caller is", copy_->stack.caller, expected.caller);
  if (copy_->stack.flags != expected.flags) return differing("flags are", copy_->stack.flags, expected.flags);
  return "the reduced stacks differ";
}

}  // namespace libguard::testing
