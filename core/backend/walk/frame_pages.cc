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
namespace {

// From 3.11 on the frames of deeper calls lie above.
constexpr uint32_t kRoomBelow = 128, kRoomAbove = 512;
constexpr size_t kRecycled = FramePages::kPages / 2;  // pages from here on make room for others

}  // namespace

void FramePages::start(ProcessMemory& memory) {
  memory_ = &memory;
  count_ = last_ = used_count_ = 0;
}

void FramePages::filled(size_t index, const UsedBytes& part) {
  Page& page = pages_[index];
  page.address = part.page;
  page.low = part.low;
  page.high = part.high;
  page.used_low = kPage;
  page.used_high = 0;
  count_ = std::max(count_, index + 1);
}

void FramePages::note_use(Page& page, uint32_t low, uint32_t high) {
  const bool first = page.used_high == 0;
  page.used_low = std::min(page.used_low, low);
  page.used_high = std::max(page.used_high, high);
  // A page behind the remembered ones may make room for another: it is not worth a guess.
  const auto index = static_cast<size_t>(&page - pages_.data());
  if (first && used_count_ < kRemembered && index < kRecycled) used_[used_count_++] = index;
}

// The page with these bytes of it; what is asked for beyond a guess is read whole.
FramePages::Page* FramePages::page(uint64_t address, uint32_t low, uint32_t high) {
  size_t index = last_;
  if (index >= count_ || pages_[index].address != address)
    for (index = 0; index < count_ && pages_[index].address != address;) index++;
  if (index == count_ || low < pages_[index].low || high > pages_[index].high) {
    if (index == kPages) index = count_ = kRecycled;  // the innermost stay
    if (!memory_->read(address, pages_[index].bytes.data(), kPage)) return nullptr;
    if (index == count_) {
      filled(index, {address, 0, kPage});
    } else {
      pages_[index].low = 0;
      pages_[index].high = kPage;
    }
  }
  last_ = index;
  return &pages_[index];
}

bool FramePages::read(void* to, size_t size, uint64_t address) {
  if (last_ < count_) {  // most often the next frame lies beside the one before
    Page& page = pages_[last_];
    const uint64_t low = address - page.address, high = low + size;
    if (low >= page.low && high <= page.high && low < high && page.used_high) {
      page.used_low = std::min(page.used_low, static_cast<uint32_t>(low));
      page.used_high = std::max(page.used_high, static_cast<uint32_t>(high));
      std::memcpy(to, page.bytes.data() + low, size);
      return true;
    }
  }
  auto* out = static_cast<uint8_t*>(to);
  while (size > 0) {
    const auto low = static_cast<uint32_t>(address % kPage);
    const auto part = static_cast<uint32_t>(std::min<size_t>(size, kPage - low));
    Page* from = page(address - low, low, low + part);
    if (!from) return false;
    note_use(*from, low, low + part);
    std::memcpy(out, from->bytes.data() + low, part);
    out += part;
    address += part;
    size -= part;
  }
  return true;
}

int FramePages::read_step(void* self, void* to, __u32 size, __u64 address) {
  return static_cast<FramePages*>(self)->read(to, size, address) ? 0 : -1;
}

size_t FramePages::used(UsedBytes* parts) const {
  for (size_t i = 0; i < used_count_; i++) {
    const Page& page = pages_[used_[i]];
    const uint32_t low = page.used_low > kRoomBelow ? page.used_low - kRoomBelow : 0;
    parts[i] = {page.address, low, std::min(kPage, page.used_high + kRoomAbove)};
  }
  return used_count_;
}

}  // namespace libguard
