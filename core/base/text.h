// SPDX-License-Identifier: Apache-2.0
// Small text helpers that every folder needs: nearest name, time stamps, hex.
//
// Way:     messages and files around events and policies.
// Thread:  pure functions.
// Failure: none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace libguard {

// The candidate with the smallest edit distance to `wrong`, if that is at most a third of its length (at least 1).
std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& candidates);

// "did you mean 'x'?" for the nearest candidate, else "one of: a, b, c" (at most 12 of them).
std::string did_you_mean(std::string_view wrong, const std::vector<std::string>& candidates);

std::string utc_timestamp(int64_t unix_milliseconds);  // "2026-01-02T03:04:05.678Z"
int64_t unix_milliseconds_now();

}  // namespace libguard
