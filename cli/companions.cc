// SPDX-License-Identifier: Apache-2.0
// Asks abilities which rights the kernel may take, and starts its programs for them.
//
// Way:     see companions.h.
// Thread:  main thread.
// Failure: see companions.h.
#include "cli/companions.h"

#include "core/backend/bpf/abilities.h"
#include "core/backend/bpf/bpf_companion.h"

namespace libguard {

Result<std::unique_ptr<Companion>> make_companion(const GuardFlags& flags, Guard& guard,
                                                  std::vector<Outcome>& outcomes) {
  if (flags.backend == "notify") return nullptr;
  const bool wanted = flags.backend == "bpf";
  BpfOptions options;
  options.rights = kernel_rights(outcomes, guard.mode() == Mode::kEnforce);
  options.matrix = guard.matrix();
  options.record = guard.recording();
  options.judge = guard.mode() != Mode::kObserve;
  if (options.rights.empty()) return nullptr;  // nothing that the kernel could do here
  RightSet taken = options.rights;
  auto made = BpfCompanion::make(std::move(options), guard);
  if (!made) {
    if (wanted) return tl::unexpected(made.error());
    return nullptr;
  }
  for (Right right : taken.rights()) outcomes[number(right)] = Outcome::kAllow;
  return std::unique_ptr<Companion>(std::move(*made));
}

}  // namespace libguard
