// SPDX-License-Identifier: Apache-2.0
// Can pages of a program be away for long? They are when swapped out, and when taken away to see who uses them: nobody
// brings back those that only the kernel's programs read, which may not wait for them on every way (bpf/second_look.h).
//
// Way:     before the first event.
// Thread:  any.
// Failure: what cannot be told counts as "no": a call refused for it is counted.
#pragma once

#include <string>

namespace libguard {

// What a kernel says of its memory.
struct PagingFacts {
  std::string swaps;           // /proc/swaps: a line of titles, then one for each place
  std::string numa_balancing;  // /proc/sys/kernel/numa_balancing: "0", or what is done
};
PagingFacts paging_facts();

bool pages_go_away(const PagingFacts& facts);

}  // namespace libguard
