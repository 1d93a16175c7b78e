// SPDX-License-Identifier: Apache-2.0
// FramePages: pages of frames of one stopped thread: neighbours cost nothing, and the next call asks for them ahead.
//
// Way:     events -> *stack*: the reader under the frame steps of bpf/walk_cpython.h.
// Thread:  the serving thread only; good for one walk, then start() again.
// Failure: a page that cannot be read makes read() answer false.
#pragma once

#include <array>
#include <cstdint>

#include "bpf/walk_cpython.h"
#include "core/backend/walk/process_memory.h"

namespace libguard {

// The part of a page that one walk used, with some room: worth a guess at the thread's next call. The room costs
// little, copying whole pages does not.
struct UsedBytes {
  uint64_t page = 0;
  uint32_t low = 0, high = 0;  // offsets in the page
};

class FramePages {
 public:
  static constexpr uint32_t kPage = 4096;
  static constexpr size_t kPages = 64;       // more are read again when needed
  static constexpr size_t kRemembered = 32;  // innermost pages; before 3.11 nearly every frame has one of its own

  void start(ProcessMemory& memory);
  // Buffer that a batch may fill with `part`, as the index-th page; counts only after filled().
  void* slot(size_t index, const UsedBytes& part) { return pages_[index].bytes.data() + part.low; }
  void filled(size_t index, const UsedBytes& part);

  bool read(void* to, size_t size, uint64_t address);
  lg_reader reader() { return {&FramePages::read_step, this}; }

  // What this walk used of the first pages that it used; at most kRemembered.
  size_t used(UsedBytes* parts) const;

 private:
  struct Page {
    uint64_t address = 0;
    uint32_t low = 0, high = 0;  // bytes that are there
    uint32_t used_low = kPage, used_high = 0;
    alignas(64) std::array<uint8_t, kPage> bytes;
  };
  static int read_step(void* self, void* to, __u32 size, __u64 address);
  Page* page(uint64_t address, uint32_t low, uint32_t high);
  void note_use(Page& page, uint32_t low, uint32_t high);

  ProcessMemory* memory_ = nullptr;
  size_t count_ = 0;
  size_t last_ = 0;  // page of the last read: the next frame is most likely there
  std::array<size_t, kRemembered> used_{};
  size_t used_count_ = 0;
  std::array<Page, kPages> pages_;
};

}  // namespace libguard
