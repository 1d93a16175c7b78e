// SPDX-License-Identifier: Apache-2.0
// The names arena: qualified names of functions, each written once, for the events that people read.
//
// Way:     events -> stack -> verdict -> *action*: read only when a frame has to be named.
// Thread:  writers hold lg_lock; names_used is raised when a record is complete.
// Failure: arena or index full: counted in names_lost, the number stays valid without a name.
#include <sys/mman.h>

#include "frontends/client/client.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

constexpr uint32_t kIndexSize = 1u << 18;  // functions that can be remembered as written; lookups stay short to 2/3
constexpr uint32_t kIndexLimit = kIndexSize / 3 * 2;
constexpr uint64_t kLongestName = 512;  // longer ones are cut: they are for people

uint32_t* g_index;  // open addressing; 0 = free (a function is never 0)
uint32_t g_written;

bool remember(uint32_t function) {
  if (!g_index) {
    void* memory = mmap(nullptr, kIndexSize * sizeof *g_index, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    g_index = static_cast<uint32_t*>(memory);
  }
  for (uint32_t at = function;; at++) {
    uint32_t& slot = g_index[at & (kIndexSize - 1)];
    if (slot == function) return false;
    if (slot != 0) continue;
    if (g_written >= kIndexLimit) {
      client_area()->names_lost++;
      return false;
    }
    slot = function;
    g_written++;
    return true;
  }
}

void append(uint32_t function, uint32_t module, const char* name, uint64_t length) {
  lg_area* area = client_area();
  if (length > kLongestName) length = kLongestName;
  uint64_t bytes = (sizeof(lg_name_record) + length + 7) & ~7ull;
  if (area->names_used + bytes > area->names_size) {
    area->names_lost++;
    return;
  }
  auto* record = reinterpret_cast<lg_name_record*>(area->names + area->names_used);
  record->function = function;
  record->module_hash = module;
  record->length = static_cast<uint16_t>(length);
  __builtin_memcpy(record + 1, name, length);
  __atomic_store_n(&area->names_used, area->names_used + bytes, __ATOMIC_RELEASE);
}

}  // namespace
}  // namespace libguard

extern "C" __u32 lg_function(__u32 module, const char* qualname, __u64 length) {
  uint32_t function = lg_fnv1a(lg_fnv1a(module, ".", 1), qualname, length);
  if (function == 0 || !libguard::client_area()) return function;
  lg_lock();
  if (libguard::remember(function)) libguard::append(function, module, qualname, length);
  lg_unlock();
  return function;
}
