// SPDX-License-Identifier: Apache-2.0
// NativeMap: reads /proc/PID/maps when it changed, and scans the C stack for return addresses.
//
// Way:     events -> *stack*.
// Thread:  the serving thread only.
// Failure: unreadable mappings or stack add `unknown`. Only words with a call instruction before them count, so stale
//          words can name too many libraries, never too few (within kStackBytes).
#include "core/backend/notify/native_map.h"

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "core/backend/notify/proc.h"

namespace libguard {
namespace {

constexpr uint64_t kShortestCall = 2;
constexpr size_t kPage = 4096;
constexpr size_t kMaxMaps = 64u << 20;
constexpr size_t kMaxCallCache = 65536;
// The mapping is made after the call was let through: a list read sooner may lack it and is read again.
constexpr int64_t kSettleNs = 20'000'000;

int64_t now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1'000'000'000ll + now.tv_nsec;
}

// An indirect call `ff /2`, whose first two bytes stand at `at`.
bool indirect_call(const uint8_t* at) { return at[0] == 0xff && (at[1] & 0x38) == 0x10; }

// "…/greenlet/_greenlet.cpython-311-x86_64-linux-gnu.so"; gevent and eventlet switch by it, as SQLAlchemy does.
bool is_stack_switcher(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name.find("greenlet.") != std::string_view::npos;
}

}  // namespace

bool ends_in_call(const uint8_t bytes[7]) {
  if (bytes[2] == 0xe8) return true;  // call rel32
  for (int length : {2, 3, 4, 6, 7})
    if (indirect_call(bytes + 7 - length)) return true;
  return false;
}

void NativeMap::outdated() {
  fresh_ = false;
  changed_ns_ = now_ns();
}

bool NativeMap::refresh(pid_t tid, const Owner& owner) {
  std::string text = read_proc_file(tid, "maps", kMaxMaps);
  ranges_.clear();
  calls_.clear();
  switchers_.clear();
  fresh_ = now_ns() - changed_ns_ > kSettleNs;
  if (text.empty()) return false;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    std::string line = text.substr(at, end - at);
    at = end + 1;
    unsigned long low = 0, high = 0;
    char access[8] = "";
    int path_at = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %7s %*s %*s %*s %n", &low, &high, access, &path_at) < 3) continue;
    if (access[2] != 'x') continue;
    std::string_view path;
    if (path_at > 0 && static_cast<size_t>(path_at) < line.size())
      path = std::string_view(line).substr(static_cast<size_t>(path_at));
    if (path == "[vdso]" || path == "[vsyscall]") continue;
    LibraryId id = LibraryId::kUnknown;
    const bool named = owner(path, &id);
    if (named) ranges_.push_back({low, high, id});
    if (is_stack_switcher(path)) switchers_.push_back(named ? id : LibraryId::kUnknown);
  }
  return true;
}

bool NativeMap::on_switched_stack(pid_t tid, ProcessMemory& memory, const Owner& owner, uint64_t fs) {
  if (!fresh_ && !refresh(tid, owner)) return true;
  if (switchers_.empty()) return false;
  lg_set seen{};
  bool whole = false;
  if (!scan(tid, memory, owner, fs, &seen, &whole) || !whole) return true;
  const LibrarySet found(seen);
  return std::any_of(switchers_.begin(), switchers_.end(),
                     [&](LibraryId id) { return id == LibraryId::kUnknown || found.has(id); });
}

const NativeMap::Range* NativeMap::range_of(uint64_t address) const {
  auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                [](uint64_t value, const Range& range) { return value < range.low; });
  if (after == ranges_.begin()) return nullptr;
  const Range& range = *(after - 1);
  return address < range.high ? &range : nullptr;
}

bool NativeMap::after_call(ProcessMemory& memory, uint64_t address) {
  if (auto known = calls_.find(address); known != calls_.end()) return known->second;
  if (calls_.size() >= kMaxCallCache) calls_.clear();
  uint8_t bytes[7];
  // Unreadable (execute-only) code counts as a call: against the caller.
  bool call = !memory.read(address - sizeof(bytes), bytes, sizeof(bytes)) || ends_in_call(bytes);
  calls_.emplace(address, call);
  return call;
}

bool NativeMap::scan(pid_t tid, ProcessMemory& memory, const Owner& owner, lg_set* out) {
  bool whole;
  return scan(tid, memory, owner, 0, out, &whole);
}

bool NativeMap::scan(pid_t tid, ProcessMemory& memory, const Owner& owner, uint64_t end, lg_set* out, bool* whole) {
  *whole = true;
  LibrarySet found(*out);
  auto fail = [&] {
    found.add(LibraryId::kUnknown);
    *out = found;
    return false;
  };
  if (!fresh_ && !refresh(tid, owner)) return fail();
  if (ranges_.empty()) return true;  // nobody but transparent code is mapped
  Position position;
  if (!read_position(tid, &position)) return fail();
  if (const Range* range = range_of(position.pc)) found.add(range->owner);

  alignas(16) static uint8_t stack[kStackBytes];
  iovec to[kStackBytes / kPage + 1], from[kStackBytes / kPage + 1];
  size_t pieces = 0, wanted = 0;
  uint64_t at = position.sp & ~7ull;
  const size_t window = end > at && end - at < kStackBytes ? end - at : kStackBytes;
  while (wanted < window) {  // page by page: the stack may end sooner than the window
    size_t size = std::min(kPage - (at + wanted) % kPage, window - wanted);
    to[pieces] = {stack + wanted, size};
    from[pieces++] = {reinterpret_cast<void*>(at + wanted), size};
    wanted += size;
  }
  size_t got = memory.read_batch(to, from, pieces);
  if (got < 8) return fail();
  *whole = got < kStackBytes;  // the end was met
  for (size_t offset = 0; offset + 8 <= got; offset += 8) {
    uint64_t word;
    std::memcpy(&word, stack + offset, 8);
    if (word < ranges_.front().low || word >= ranges_.back().high) continue;
    const Range* range = range_of(word);
    // The shortest call has two bytes: a word that points to the start of a mapping is a pointer, not a return address.
    if (range == nullptr || word - range->low < kShortestCall) continue;
    if (!found.has(range->owner) && after_call(memory, word)) found.add(range->owner);
  }
  *out = found;
  return true;
}

}  // namespace libguard
