// SPDX-License-Identifier: Apache-2.0
// FramePages: pages of frames of one stopped thread, read whole so that neighbours cost nothing.
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

class FramePages {
 public:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kPages = 64;       // more are read again when needed
  static constexpr size_t kRemembered = 12;  // innermost pages, worth a guess at the thread's next call

  void start(ProcessMemory& memory);
  // Buffer that a batch may fill with the page at `address`; counts only after filled().
  void* slot(size_t index) { return pages_[index].bytes.data(); }
  void filled(size_t index, uint64_t address);

  bool read(void* to, size_t size, uint64_t address);
  lg_reader reader() { return {&FramePages::read_step, this}; }

  // The first pages that this walk used; at most kRemembered.
  size_t used(uint64_t* addresses) const;

 private:
  struct Page {
    uint64_t address = 0;
    bool used = false;
    alignas(64) std::array<uint8_t, kPage> bytes;
  };
  static int read_step(void* self, void* to, __u32 size, __u64 address);
  const Page* page(uint64_t address);
  void note_use(Page& page);

  ProcessMemory* memory_ = nullptr;
  size_t count_ = 0;
  size_t last_ = 0;  // page of the last read: the next frame is most likely there
  std::array<uint64_t, kRemembered> used_{};
  size_t used_count_ = 0;
  std::array<Page, kPages> pages_;
};

}  // namespace libguard
