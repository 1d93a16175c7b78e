// SPDX-License-Identifier: Apache-2.0
/* What a program whose stack cannot be walked does to say which library it is in: enter and leave, a few stores each.
 *
 * Way:     *events -> stack*: the thread's slot is read where a call is judged.
 * Thread:  any; enter and leave touch the thread's own slot only and may be called in signal handlers.
 * Failure: no guard: libguard_push() is null, and nothing is done. No room for a state: every library counts as being
 *          on the stack until the matching leave.
 *
 * The client's two functions are found by dlsym; nobody links to libguard:
 *   const struct lg_push *push = libguard_push();                        once, before other threads
 *   struct lg_site site = {libguard_library("/usr/lib/libfoo.so"), 0, 0};  once per function or library
 *   struct lg_slot before;
 *   lg_enter(push, &before, site);   ...   lg_leave(push, &before);
 *
 * A leave restores what its enter found, whatever happened between: frames that a jump or an exception skipped are
 * popped with it. Until then they count as still there: the stack may be too large, never too small. Their innermost is
 * still the caller of whatever is called from deeper down than its own frame was, and so is judged for what others do;
 * a call from above it has an unknown caller. Who catches a jump says lg_leave and lg_enter again: then all is right.
 */
#ifndef LIBGUARD_PUSH_H
#define LIBGUARD_PUSH_H

#include "bpf/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A function, or all of a library. */
struct lg_site {
  __u16 library;
  __u16 vouching;
  __u32 function;
};

#define LG_TRANSITION_BITS 15
struct lg_push {
  const __u64* transitions; /* 1 << LG_TRANSITION_BITS of them: a key, shifted by 32, and the state that it leads to */
  __s64 slot_delta;         /* of struct lg_hello */
  __u32 (*make)(__u32 key); /* the same, for keys that are not there */
};

/* Says hello as a native program that pushes; null outside of a guard, and in a program that is walked. */
const struct lg_push* libguard_push(void);

/* Number of the library that the file belongs to; LG_UNKNOWN if nobody answers. */
__u16 libguard_library(const char* path);

/* (state, site) -> key, never 0. */
static inline __u32 lg_transition_key(__u32 state, struct lg_site site) {
  __u32 trampoline = site.vouching & LG_VOUCH_TRAMPOLINE ? 1 : 0;

  return ((state * LG_MAX_LIBRARIES + (site.library & (LG_MAX_LIBRARIES - 1))) << 1 | trampoline) + 1;
}

static inline __u32 lg_transition_of(__u32 key) { return key * 0x9E3779B1u >> (32 - LG_TRANSITION_BITS); }

/* The calling thread's slot: its address stays the same as long as the thread lives. */
static inline struct lg_slot* lg_own_slot(const struct lg_push* push) {
  return (struct lg_slot*)((char*)__builtin_thread_pointer() + push->slot_delta);
}

/* One half of a slot. Halves are read as they were written: a wider load would wait until the stores have left the
 * core.
 */
typedef __u64 __attribute__((may_alias)) lg_half;

static inline void lg_keep(const struct lg_slot* slot, struct lg_slot* kept) {
  *(volatile lg_half*)&kept->state = *(const volatile lg_half*)&slot->state;
  *(volatile lg_half*)&kept->place = *(const volatile lg_half*)&slot->place;
}

/* `before` lies in the frame that enters. */
static inline void lg_enter(const struct lg_push* push, struct lg_slot* before, struct lg_site site) {
  struct lg_slot* slot;
  __u64 known;
  __u32 key, state;

  if (!push) return;
  slot = lg_own_slot(push);
  lg_keep(slot, before);
  key = lg_transition_key(before->state, site);
  known = __atomic_load_n(&push->transitions[lg_transition_of(key)], __ATOMIC_ACQUIRE);
  state = known >> 32 == key ? (__u32)known : push->make(key);
  /* The state first: a signal between the two finds a stack that is too large, never one that is too small. */
  *(volatile lg_half*)&slot->state = state | (__u64)site.vouching << 16 | (__u64)site.function << 32;
  *(volatile lg_half*)&slot->place = (__u64)(__UINTPTR_TYPE__)before;
}

static inline void lg_leave(const struct lg_push* push, const struct lg_slot* before) {
  struct lg_slot* slot;

  if (!push) return;
  slot = lg_own_slot(push);
  *(volatile lg_half*)&slot->place = *(const volatile lg_half*)&before->place;
  *(volatile lg_half*)&slot->state = *(const volatile lg_half*)&before->state;
}

#ifdef __cplusplus
}
#endif
#endif
