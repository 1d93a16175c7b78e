// SPDX-License-Identifier: Apache-2.0
// Reads what the kernel says of its memory.
//
// Way:     see paging.h.
// Thread:  see paging.h.
// Failure: see paging.h.
#include "core/backend/bpf/paging.h"

#include <algorithm>

#include "core/base/file.h"

namespace libguard {

PagingFacts paging_facts() {
  return {read_file("/proc/swaps").value_or(""), read_file("/proc/sys/kernel/numa_balancing").value_or("")};
}

bool pages_go_away(const PagingFacts& facts) {
  const bool swaps = std::count(facts.swaps.begin(), facts.swaps.end(), '\n') > 1;
  const bool balances = facts.numa_balancing.find_first_of("123456789") != std::string::npos;
  return swaps || balances;
}

}  // namespace libguard
