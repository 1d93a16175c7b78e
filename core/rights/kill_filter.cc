// SPDX-License-Identifier: Apache-2.0
// A tree over ranges of numbers.
//
// Way:     see kill_filter.h.
// Thread:  see kill_filter.h.
// Failure: see kill_filter.h.
#include "core/rights/kill_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>

#include <cstddef>

#include "core/rights/bpf_program.h"
#include "core/rights/rights.h"

namespace libguard {
namespace {

struct Leaf {
  uint32_t first;  // numbers from here to the next leaf
  bool killed;
};

bool may_be_killed(uint32_t nr) {
  return !lg_always_allowed(nr) && nr != LG_NR_prctl && nr != LG_NR_set_robust_list && nr != LG_NR_clone3;
}

void tree(BpfProgram& program, const std::vector<Leaf>& leaves, size_t low, size_t high) {
  if (high - low == 1) return program.answer(leaves[low].killed ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW);
  const size_t middle = low + (high - low) / 2;
  const BpfProgram::Label upper = program.new_label();
  program.jump_if_at_least(leaves[middle].first, upper);
  tree(program, leaves, low, middle);
  program.place(upper);
  tree(program, leaves, middle, high);
}

}  // namespace

Result<std::vector<sock_filter>> make_kill_filter(const std::set<uint32_t>& numbers) {
  std::vector<Leaf> leaves{{0, false}};
  for (const uint32_t nr : numbers) {
    if (nr >= LG_NUMBERS || !may_be_killed(nr)) continue;
    if (leaves.back().first == nr)  // closes the range before
      leaves.pop_back();
    if (leaves.empty() || !leaves.back().killed) leaves.push_back({nr, true});
    leaves.push_back({nr + 1, false});
  }
  BpfProgram program;
  const BpfProgram::Label native = program.new_label();
  program.load(offsetof(seccomp_data, arch));
  program.jump_if_equal(AUDIT_ARCH_X86_64, native);
  program.answer(SECCOMP_RET_KILL_PROCESS);
  program.place(native);
  program.load(offsetof(seccomp_data, nr));
  tree(program, leaves, 0, leaves.size());
  return program.link();
}

}  // namespace libguard
