// SPDX-License-Identifier: Apache-2.0
// The code table: code object -> library, vouching, function.
//
// Way:     events -> *stack*: what the walk looks frames up in.
// Thread:  writers hold lg_lock; readers in other processes see an entry only when it is whole (code is written last).
// Failure: no room within LG_TABLE_PROBES buckets: counted in codes_lost, the code stays unknown.
#include <stddef.h>
#include <string.h>

#include "frontends/client/client.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

lg_code_entry* bucket_at(uint32_t bucket) {
  auto* table = reinterpret_cast<lg_code_bucket*>(client_area()->table);
  return table[bucket & (LG_TABLE_BUCKETS - 1)].entry;
}

// The entry of `code`, else null; *room = where a new one may go, null if there is none.
// A bucket with a never used entry was never full: nothing lies behind it.
lg_code_entry* search(uint64_t code, lg_code_entry** room) {
  lg_code_entry* free = nullptr;
  uint32_t first = lg_code_bucket_of(code);
  for (uint32_t probe = 0; probe < LG_TABLE_PROBES; probe++) {
    lg_code_entry* entry = bucket_at(first + probe);
    for (int i = 0; i < LG_BUCKET_ENTRIES; i++, entry++) {
      uint64_t seen = __atomic_load_n(&entry->code, __ATOMIC_ACQUIRE);
      if (seen == code) return entry;
      if (seen <= LG_CODE_TOMBSTONE && !free) free = entry;
      if (seen == 0) {
        *room = free;
        return nullptr;
      }
    }
  }
  *room = free;
  return nullptr;
}

// Readers keep entries while the epoch stays.
void raise_epoch() { __atomic_fetch_add(&client_area()->epoch, 1, __ATOMIC_SEQ_CST); }

// Before the memory can mean something else. No reader takes the entry up again: its code stands on no stack.
void bury(lg_code_entry* entry) {
  raise_epoch();
  __atomic_store_n(&entry->code, LG_CODE_TOMBSTONE, __ATOMIC_SEQ_CST);
}

// All but the code is one word, so no reader sees half of it.
void write_rest(lg_code_entry* place, const lg_code_entry& entry) {
  using Word [[gnu::may_alias]] = uint64_t;
  static_assert(offsetof(lg_code_entry, library) == sizeof(Word) && sizeof(lg_code_entry) == 2 * sizeof(Word));
  Word word;
  memcpy(&word, &entry.library, sizeof word);
  __atomic_store_n(reinterpret_cast<Word*>(&place->library), word, __ATOMIC_SEQ_CST);
}

// The code may stand on a stack while it changes hands: who read the old entry after the first raise is told again.
void replace(lg_code_entry* place, const lg_code_entry& entry) {
  raise_epoch();
  write_rest(place, entry);
  raise_epoch();
}

uint32_t key_of(const lg_code_entry* entry) {
  uint64_t offset = reinterpret_cast<uintptr_t>(entry) - client_area()->table;
  return static_cast<uint32_t>(offset / sizeof *entry) + 1;
}

}  // namespace
}  // namespace libguard

using namespace libguard;

extern "C" {

__u32 lg_code_put(struct lg_code_entry entry) {
  if (!client_area() || entry.code <= LG_CODE_TOMBSTONE) return 0;
  lg_lock();
  lg_code_entry* room = nullptr;
  lg_code_entry* place = search(entry.code, &room);
  uint32_t key = 0;
  if (place) {
    replace(place, entry);
    key = key_of(place);
  } else if (room) {
    write_rest(room, entry);
    __atomic_store_n(&room->code, entry.code, __ATOMIC_RELEASE);
    key = key_of(room);
  } else {
    client_area()->codes_lost++;
  }
  lg_unlock();
  return key;
}

void lg_code_drop(__u32 key) {
  if (!client_area() || key == 0 || key > LG_TABLE_BUCKETS * LG_BUCKET_ENTRIES) return;
  lg_lock();
  lg_code_entry* entry = reinterpret_cast<lg_code_entry*>(client_area()->table) + (key - 1);
  if (entry->code > LG_CODE_TOMBSTONE) bury(entry);
  lg_unlock();
}

int lg_code_find(__u64 code, struct lg_code_entry* found) {
  if (!client_area() || code <= LG_CODE_TOMBSTONE) return 0;
  lg_code_entry* room = nullptr;
  const lg_code_entry* entry = search(code, &room);
  if (entry) *found = *entry;
  return entry != nullptr;
}

void lg_more_interpreters(void) {
  lg_area* area = client_area();
  if (area) __atomic_store_n(&area->more_interpreters, 1, __ATOMIC_SEQ_CST);
}

void lg_code_lost(void) {
  if (client_area()) __atomic_fetch_add(&client_area()->codes_lost, 1, __ATOMIC_RELAXED);
}
}
