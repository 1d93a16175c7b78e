// SPDX-License-Identifier: Apache-2.0
// Pages of frames of one stopped thread.
//
// Way:     events -> *stack*.
// Thread:  the serving thread only.
// Failure: a page that cannot be read makes read() answer false.
#include "core/backend/walk/frame_pages.h"

#include <algorithm>
#include <cstring>

namespace libguard {

void FramePages::start(ProcessMemory& memory) {
  memory_ = &memory;
  count_ = last_ = used_count_ = 0;
}

void FramePages::filled(size_t index, uint64_t address) {
  pages_[index].address = address;
  pages_[index].used = false;
  count_ = std::max(count_, index + 1);
}

void FramePages::note_use(Page& page) {
  if (page.used) return;
  page.used = true;
  if (used_count_ < kRemembered) used_[used_count_++] = page.address;
}

const FramePages::Page* FramePages::page(uint64_t address) {
  if (last_ < count_ && pages_[last_].address == address) {
    note_use(pages_[last_]);
    return &pages_[last_];
  }
  size_t index = 0;
  while (index < count_ && pages_[index].address != address) index++;
  if (index == count_) {
    if (count_ == kPages) index = count_ = kRemembered;  // the innermost stay
    if (!memory_->read(address, pages_[index].bytes.data(), kPage)) return nullptr;
    filled(index, address);
  }
  last_ = index;
  note_use(pages_[index]);
  return &pages_[index];
}

bool FramePages::read(void* to, size_t size, uint64_t address) {
  auto* out = static_cast<uint8_t*>(to);
  while (size > 0) {
    const size_t offset = address % kPage;
    const size_t part = std::min(size, kPage - offset);
    const Page* from = page(address - offset);
    if (!from) return false;
    std::memcpy(out, from->bytes.data() + offset, part);
    out += part;
    address += part;
    size -= part;
  }
  return true;
}

int FramePages::read_step(void* self, void* to, __u32 size, __u64 address) {
  return static_cast<FramePages*>(self)->read(to, size, address) ? 0 : -1;
}

size_t FramePages::used(uint64_t* addresses) const {
  std::copy_n(used_.begin(), used_count_, addresses);
  return used_count_;
}

}  // namespace libguard
