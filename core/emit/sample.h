// SPDX-License-Identifier: Apache-2.0
// Chooses which sample stacks fit into the heatmap's page: dangerous ones first, each library at least once.
//
// Way:     profile -> view -> *samples* -> heatmap.
// Thread:  pure functions.
// Failure: none; what does not fit is simply not chosen, the profile keeps it.
#pragma once

#include <cstddef>
#include <vector>

#include "core/emit/view.h"

namespace libguard {

inline constexpr size_t kMaxSampleFrames = 40;  // per stack, innermost; the page says how many more there are

// Positions in Profile::observations, ascending, whose stacks take at most about `budget` bytes of JSON.
std::vector<size_t> choose_samples(const Profile& profile, const View& view, size_t budget);

}  // namespace libguard
