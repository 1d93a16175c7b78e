// SPDX-License-Identifier: Apache-2.0
// Abilities of the programs in the kernel.
//
// Way:     see abilities.h.
// Thread:  main thread.
// Failure: see abilities.h.
#include "core/backend/bpf/abilities.h"

#include "core/backend/notify/traits.h"

namespace libguard {

RightSet kernel_rights(const std::vector<Outcome>& outcomes, bool enforcing) {
  RightSet taken;
  if (enforcing) return taken;
  std::vector<Outcome> left(LG_MAX_RIGHTS, Outcome::kAllow);
  force_notify(left, enforcing);
  for (Right right : all_rights()) {
    const uint16_t id = number(right);
    if (id >= LG_FIRST_OPERATION || is_dangerous(group_of(right))) continue;
    if (outcomes[id] == Outcome::kNotify && left[id] == Outcome::kAllow) taken.add(right);
  }
  return taken;
}

}  // namespace libguard
