// SPDX-License-Identifier: Apache-2.0
// The table of interpreters, and the hook by which code objects take their entries along.
//
// Way:     *events*.
// Thread:  see interpreters.h; on_code_freed runs wherever a code object dies.
// Failure: see interpreters.h.
#include "frontends/cpython/interpreters.h"

#include <string.h>

#include "libguard/frontend.h"

namespace libguard {
namespace {

Interpreter g_interpreters[kInterpreters];
int g_used;  // entries that were ever used
bool g_foreign;

// By key - 1. The owner of an entry (index in g_interpreters + 1; 0: main or none), and how often the entry was taken
// from code that was not freed: what such code hands in when it dies late is old.
uint8_t g_owner[LG_TABLE_BUCKETS * LG_BUCKET_ENTRIES];
uint8_t g_stamp[LG_TABLE_BUCKETS * LG_BUCKET_ENTRIES];

void on_code_freed(void* extra) {
  uint64_t value = reinterpret_cast<uintptr_t>(extra);
  uint32_t key = static_cast<uint32_t>(value);
  if (key == 0 || key > sizeof g_stamp || g_stamp[key - 1] != static_cast<uint8_t>(value >> 32)) return;
  lg_code_drop(key);
}

Interpreter* find(int64_t id) {
  int used = __atomic_load_n(&g_used, __ATOMIC_ACQUIRE);
  for (int i = 0; i < used; i++)
    if (g_interpreters[i].id == id) return &g_interpreters[i];
  return nullptr;
}

// A free place, else that of the interpreter that was cleared longest ago.
Interpreter* room() {
  if (g_used < kInterpreters) return &g_interpreters[g_used];
  Interpreter* oldest = nullptr;
  for (Interpreter& one : g_interpreters)
    if (one.cleared && (!oldest || one.id < oldest->id)) oldest = &one;
  return oldest;
}

Interpreter* make(int64_t id) {
  if (id != 0) lg_more_interpreters();
  lg_lock();
  Interpreter* place = room();
  if (place) {
    *place = {};
    place->id = id;
    place->extra_index = -1;
    if (place == &g_interpreters[g_used]) __atomic_store_n(&g_used, g_used + 1, __ATOMIC_RELEASE);
  }
  lg_unlock();
  if (place) place->extra_index = py.request_code_extra(on_code_freed);
  return place;
}

}  // namespace

Interpreter* current_interpreter() {
  if (!py.current_thread_state()) return nullptr;
  int64_t id = py.PyInterpreterState_GetID(py.PyInterpreterState_Get());
  Interpreter* known = find(id);
  if (!known) return make(id);
  // An interpreter that is being cleared gets no entries again: nothing would remove them.
  return known->cleared ? nullptr : known;
}

void forget_current_interpreter() {
  if (!py.current_thread_state()) return;
  int64_t id = py.PyInterpreterState_GetID(py.PyInterpreterState_Get());
  Interpreter* interpreter = find(id);
  if (!interpreter || id == 0) return;  // the main interpreter ends with the process
  interpreter->cleared = true;
  uint8_t owner = static_cast<uint8_t>(interpreter - g_interpreters + 1);
  for (uint32_t i = 0; i < sizeof g_owner; i++) {
    if (g_owner[i] != owner) continue;
    g_owner[i] = 0;
    g_stamp[i]++;
    lg_code_drop(i + 1);
  }
}

void* note_owner(uint32_t key, const Interpreter* interpreter) {
  bool main = !interpreter || interpreter->id == 0;
  g_owner[key - 1] = main ? 0 : static_cast<uint8_t>(interpreter - g_interpreters + 1);
  return reinterpret_cast<void*>(static_cast<uintptr_t>(static_cast<uint64_t>(g_stamp[key - 1]) << 32 | key));
}

bool foreign_code_exists() { return __atomic_load_n(&g_foreign, __ATOMIC_RELAXED); }
void note_foreign_code() { __atomic_store_n(&g_foreign, true, __ATOMIC_RELAXED); }

}  // namespace libguard
