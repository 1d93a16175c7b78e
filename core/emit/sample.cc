// SPDX-License-Identifier: Apache-2.0
// Four passes over the cells, from the stacks a reviewer must see to those that are nice to have.
//
// Way:     profile -> view -> *samples* -> heatmap.
// Thread:  pure functions.
// Failure: see sample.h.
#include "core/emit/sample.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_set>

namespace libguard {
namespace {

constexpr size_t kBytesPerFrame = 5, kBytesPerSample = 40, kBytesPerName = 8, kBytesPerMention = 5;

class Chooser {
 public:
  Chooser(const Profile& profile, size_t budget) : profile_(profile), budget_(budget) {}

  // Takes observations of `cell` until `wanted` of them are chosen, the rarest program paths being as good as any.
  void take(const Cell& cell, size_t wanted) {
    size_t have = 0;
    for (size_t index : cell.observations) have += chosen_.count(index);
    for (size_t index : cell.observations) {
      if (have >= wanted) return;
      if (chosen_.count(index) != 0 || !afford(index)) continue;
      chosen_.insert(index);
      have++;
    }
  }
  std::vector<size_t> chosen() const { return {chosen_.begin(), chosen_.end()}; }

 private:
  bool afford(size_t index) {
    const Observation& seen = profile_.observations[index];
    size_t frames = std::min(seen.stack.size(), kMaxSampleFrames);
    size_t cost = kBytesPerSample + kBytesPerFrame * frames;
    cost += kBytesPerMention * (1 + seen.libraries.size() + seen.spawners.size());
    for (size_t i = 0; i < frames; i++)
      if (names_.count(seen.stack[i]) == 0) cost += kBytesPerName + seen.stack[i].size() - seen.stack[i].find('|');
    if (used_ + cost > budget_) return false;
    used_ += cost;
    for (size_t i = 0; i < frames; i++) names_.insert(seen.stack[i]);
    return true;
  }

  const Profile& profile_;
  size_t budget_, used_ = 0;
  std::set<size_t> chosen_;
  std::unordered_set<std::string_view> names_;
};

}  // namespace

std::vector<size_t> choose_samples(const Profile& profile, const View& view, size_t budget) {
  Chooser chooser(profile, budget);
  struct Pass {
    bool dangerous;
    size_t wanted;
  };
  for (Pass pass : {Pass{true, 1}, Pass{false, 1}, Pass{true, 4}, Pass{false, 2}})
    for (const Row& row : view.rows)
      for (const auto& [key, cell] : row.cells)
        if (is_dangerous(group_of(key.first)) == pass.dangerous) chooser.take(cell, pass.wanted);
  return chooser.chosen();
}

}  // namespace libguard
