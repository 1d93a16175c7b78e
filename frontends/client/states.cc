// SPDX-License-Identifier: Apache-2.0
// Pushed states: interned sets of libraries with their caller, and the step from one to the next.
//
// Way:     events -> *stack*: what lg_enter of libguard/push.h leads to.
// Thread:  any, in signal handlers too: no lock, no memory but the tables; a state is published when it is whole.
// Failure: no room: LG_PUSHED_LOST; who judges a call in it counts that.
#include "frontends/client/states.h"

#include <string.h>
#include <sys/mman.h>

#include "bpf/library_set.h"
#include "frontends/client/client.h"
#include "libguard/push.h"

namespace libguard {
namespace {

constexpr uint32_t kIndex = 4 * LG_MAX_STATES;  // open addressing, a quarter full at most
constexpr uint32_t kFirstState = LG_PUSHED_LOST + 1;

struct Tables {
  lg_pushed states[LG_MAX_STATES];
  __u64 transitions[1u << LG_TRANSITION_BITS];  // a cache: what shares a place drives the other out
  uint32_t index[kIndex];                       // numbers of states, by content; 0: free
};

Tables* g_tables;
thread_local lg_slot g_slot;

uint32_t hash_of(const lg_pushed& state) {
  uint64_t hash = 0;
  for (uint64_t word : state.libraries.word) hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
  uint64_t rest = 0;
  memcpy(&rest, &state.caller, sizeof rest);
  hash = (hash ^ rest) * 0x9E3779B97F4A7C15ull;
  return static_cast<uint32_t>(hash >> 40);
}

// A number of its own for a new state; LG_PUSHED_LOST if there is none left.
uint32_t claim() {
  uint32_t* used = &client_area()->states_used;
  uint32_t number = __atomic_load_n(used, __ATOMIC_RELAXED);
  do
    if (number >= LG_MAX_STATES) return LG_PUSHED_LOST;
  while (!__atomic_compare_exchange_n(used, &number, number + 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return number;
}

uint32_t intern(const lg_pushed& state) {
  uint32_t own = 0;
  for (uint32_t probe = 0, at = hash_of(state); probe < kIndex; probe++, at++) {
    uint32_t* place = &g_tables->index[at & (kIndex - 1)];
    uint32_t number = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (number == 0) {
      if (own == 0) own = claim();
      if (own == LG_PUSHED_LOST) break;
      g_tables->states[own] = state;
      if (__atomic_compare_exchange_n(place, &number, own, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE)) return own;
    }
    // Another thread may have been first here; then `own` waits for the next free place, or stays unused.
    if (memcmp(&g_tables->states[number], &state, sizeof state) == 0) return number;
  }
  return LG_PUSHED_LOST;
}

uint32_t make_state(uint32_t key) {
  const uint32_t step = key - 1, library = step >> 1 & (LG_MAX_LIBRARIES - 1);
  const uint32_t from = step / (2 * LG_MAX_LIBRARIES) & (LG_MAX_STATES - 1);
  if (from == LG_PUSHED_LOST) return LG_PUSHED_LOST;
  lg_pushed state = g_tables->states[from];
  lg_set_add(&state.libraries, library);
  state.direct = static_cast<uint16_t>(library);
  if (library != LG_RUNTIME) {
    state.caller = static_cast<uint16_t>(library);
    state.trampoline = 0;
  } else if (step & 1) {
    state.trampoline = 1;
  }
  const uint32_t to = intern(state);
  __atomic_store_n(&g_tables->transitions[lg_transition_of(key)], static_cast<__u64>(key) << 32 | to, __ATOMIC_RELEASE);
  return to;
}

}  // namespace

bool make_states(lg_hello* hello, lg_push* push) {
  void* memory =
      mmap(nullptr, sizeof(Tables), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return false;
  g_tables = static_cast<Tables*>(memory);
  g_tables->states[0].caller = g_tables->states[0].direct = LG_RUNTIME;
  lg_pushed& lost = g_tables->states[LG_PUSHED_LOST];
  memset(&lost.libraries, 0xff, sizeof lost.libraries);
  lost.caller = lost.direct = LG_UNKNOWN;
  const auto self = reinterpret_cast<intptr_t>(__builtin_thread_pointer());
  hello->states = reinterpret_cast<uintptr_t>(g_tables->states);
  hello->slot_delta = reinterpret_cast<intptr_t>(&g_slot) - self;
  push->transitions = g_tables->transitions;
  push->slot_delta = hello->slot_delta;
  push->make = make_state;
  return true;
}

void begin_states() { client_area()->states_used = kFirstState; }

}  // namespace libguard
