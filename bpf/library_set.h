// SPDX-License-Identifier: Apache-2.0
/* Sets of libraries: the operations on struct lg_set.
 *
 * Way:     events -> *stack* -> *verdict*: the stack without order.
 * Thread:  pure functions.
 * Failure: an id beyond the limit is LG_UNKNOWN.
 */
#ifndef LIBGUARD_BPF_LIBRARY_SET_H
#define LIBGUARD_BPF_LIBRARY_SET_H

#include "bpf/abi.h"

#define LG_SET_WORDS (LG_MAX_LIBRARIES / 64)

/* Is the library in the set? */
static inline int lg_set_has(const struct lg_set *set, __u32 library)
{
  return set->word[library / 64 % LG_SET_WORDS] >> (library % 64) & 1;
}

/* Adds one library; ids beyond the limit are unknown. */
static inline void lg_set_add(struct lg_set *set, __u32 library)
{
  if (library >= LG_MAX_LIBRARIES)
    library = LG_UNKNOWN;
  set->word[library / 64 % LG_SET_WORDS] |= 1ull << (library % 64);
}

/* Adds all of `more`. */
static inline void lg_set_join(struct lg_set *set, const struct lg_set *more)
{
  for (__u32 i = 0; i < LG_SET_WORDS; i++)
    set->word[i] |= more->word[i];
}

/* Is the set empty but for the runtime? */
static inline int lg_set_only_runtime(const struct lg_set *set)
{
  __u64 any = set->word[0] & ~(1ull << LG_RUNTIME);

  for (__u32 i = 1; i < LG_SET_WORDS; i++)
    any |= set->word[i];
  return any == 0;
}

/* Is the set empty? */
static inline int lg_set_empty(const struct lg_set *set)
{
  return lg_set_only_runtime(set) && !lg_set_has(set, LG_RUNTIME);
}

#endif
