// SPDX-License-Identifier: Apache-2.0
// Nearest names by edit distance, time stamps.
//
// Way:     see text.h.
// Thread:  pure functions.
// Failure: none.
#include "core/base/text.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <numeric>

namespace libguard {
namespace {

// Two neighbouring letters in the wrong order are one mistake.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); i++) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view wrong, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  size_t best_distance = 0;
  for (const std::string& candidate : candidates) {
    size_t distance = edit_distance(wrong, candidate);
    if (best == nullptr || distance < best_distance) {
      best = &candidate;
      best_distance = distance;
    }
  }
  if (best == nullptr || best_distance > std::max<size_t>(1, best->size() / 3)) return std::nullopt;
  return *best;
}

std::string did_you_mean(std::string_view wrong, const std::vector<std::string>& candidates) {
  if (auto name = nearest(wrong, candidates)) return "did you mean '" + *name + "'?";
  std::string text = "one of: ";
  for (size_t i = 0; i < candidates.size() && i < 12; i++) text += (i ? ", " : "") + candidates[i];
  if (candidates.size() > 12) text += ", …";
  return text;
}

std::string utc_timestamp(int64_t unix_milliseconds) {
  std::time_t seconds = unix_milliseconds / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char date[64], text[96];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(unix_milliseconds % 1000));
  return text;
}

int64_t unix_milliseconds_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace libguard
