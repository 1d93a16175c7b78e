// SPDX-License-Identifier: Apache-2.0
// NotifyBackend: its counters by name, for the end of a run and the profile's completeness.
//
// Way:     beside the judging: what was lost on the way from events to stack.
// Thread:  after serve().
// Failure: none.
#include "core/backend/notify/notify_backend.h"

namespace libguard {

Counters NotifyBackend::counters() const {
  const auto [walks, codes] = tasks_.walk_counts();
  const Counters all = {
      {"calls", counts_.calls},
      {"judged", counts_.judged},
      {"refused", counts_.refused},
      {"programs", counts_.programs},
      {"tasks", counts_.births},
      {"died_waiting", counts_.died_waiting},
      {"unmet", counts_.unmet},
      {"unknown_makers", counts_.unknown_makers},
      {"unknown_images", counts_.unknown_images},
      {"no_hello", counts_.no_hello},
      {"tampers", counts_.tampers},
      {"handoffs_lost", counts_.handoffs_lost},
      {"native_scans", counts_.scans},
      {"pushes_unread", counts_.pushes_unread},
      {"pushes_lost", counts_.pushes_lost},
      {"native_scans_failed", counts_.scans_failed},
      {"opens_emulated", counts_.opens_emulated},
      {"opens_shielded", counts_.opens_shielded},
      {"opens_raced", counts_.opens_raced},
      {"unshielded", counts_.unshielded},
      {"descriptors_lost", counts_.descriptors_lost},
      {"walks", walks.walks},
      {"frames", walks.frames},
      {"unknown_frames", codes.unknown},
      {"no_state", walks.no_state},
      {"faults", walks.faults},
      {"truncated", walks.truncated},
      {"state_searches", walks.searches},
      {"states_named", walks.named},
      {"walk_retries", walks.retries},
  };
  Counters some;
  if (options_.companion) some = options_.companion->counters();
  for (const auto& [name, count] : all)
    if (count) some.emplace(name, count);
  return some;
}

}  // namespace libguard
