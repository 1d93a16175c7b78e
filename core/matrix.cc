// SPDX-License-Identifier: Apache-2.0
// Fills the deny rows library by library.
//
// Way:     profile -> policy -> *matrix* -> verdict.
// Thread:  the supervisor's serving thread only.
// Failure: none.
#include "core/matrix.h"

#include "core/library/purl.h"
#include "core/rights/rights.h"

namespace libguard {
namespace {

// A name that no policy lists: what every library holds that becomes known later.
constexpr std::string_view kUnlisted = "pkg:generic/libguard-unlisted";
constexpr Phase kPhases[] = {Phase::kInit, Phase::kServing};
constexpr Role kRoles[] = {Role::kStack, Role::kCaller, Role::kSpawned};

void set_bit(lg_set& set, uint16_t id, bool on) {
  uint64_t bit = 1ull << (id % 64);
  if (on)
    set.word[id / 64] |= bit;
  else
    set.word[id / 64] &= ~bit;
}

uint64_t function_key(lg_group group, LibraryId id, uint32_t function) {
  return static_cast<uint64_t>(group) << 48 | static_cast<uint64_t>(number(id)) << 32 | function;
}

}  // namespace

uint32_t function_id(std::string_view dotted) { return lg_fnv1a(LG_FNV_OFFSET, dotted.data(), dotted.size()); }

Matrix::Matrix(const Rules* rules, const std::vector<std::string>& listed)
    : rules_(rules), matrix_(std::make_unique<lg_matrix>()) {
  if (rules_ == nullptr) return;
  for (const std::string& purl : listed) judge_always(purl);
  for (Phase phase : kPhases)
    for (uint16_t right = 0; right < LG_MAX_RIGHTS; right++)
      if (!rules_->is_listed(phase, Right{right})) always_judged_[static_cast<int>(phase)].add(Right{right});
  for (Phase phase : kPhases)
    for (Role role : kRoles) close_rows(rules_->rights(kUnlisted, phase, role), phase, role);
}

void Matrix::close_rows(const RightSet& everybody, Phase phase, Role role) {
  for (uint16_t right = 0; right < LG_MAX_RIGHTS; right++) {
    bool denied = !everybody.has(Right{right});
    lg_set& row = matrix_->deny[static_cast<int>(phase)][static_cast<int>(role)][right];
    for (auto& word : row.word) word = denied ? ~0ull : 0;
  }
}

void Matrix::add(LibraryId id, std::string_view purl) {
  if (rules_ == nullptr) return;
  for (Phase phase : kPhases) {
    for (Role role : kRoles) {
      bool exempt = id == LibraryId::kRuntime && role != Role::kCaller;  // the runtime is transparent
      RightSet held = rules_->rights(purl, phase, role);
      for (uint16_t right = 0; right < LG_MAX_RIGHTS; right++) {
        lg_set& row = matrix_->deny[static_cast<int>(phase)][static_cast<int>(role)][right];
        set_bit(row, number(id), !exempt && !held.has(Right{right}));
      }
    }
  }
  for (lg_group group : {LG_GROUP_EXEC, LG_GROUP_PROCESS}) {
    const Rules::Entry* entry = rules_->entry(purl);
    if (entry == nullptr || entry->functions.count(group) == 0) continue;
    for (const std::string& dotted : entry->functions.at(group))
      functions_.insert(function_key(group, id, function_id(dotted)));
  }
  refresh_judged();
}

void Matrix::judge_always(std::string_view purl) {
  for (Phase phase : kPhases) {
    for (Role role : kRoles) {
      RightSet held = rules_->rights(purl, phase, role);
      for (uint16_t right = 0; right < LG_MAX_RIGHTS; right++)
        if (!held.has(Right{right})) always_judged_[static_cast<int>(phase)].add(Right{right});
    }
  }
}

void Matrix::refresh_judged() {
  for (int phase = 0; phase < LG_PHASES; phase++) {
    for (int right = 0; right < LG_MAX_RIGHTS; right++) {
      uint64_t any = always_judged_[phase].has(Right{static_cast<uint16_t>(right)});
      for (const auto& role : matrix_->deny[phase])
        for (uint64_t word : role[right].word) any |= word;
      uint64_t bit = 1ull << (right % 64);
      auto& word = matrix_->judged[phase][right / 64];
      word = any ? word | bit : word & ~bit;
    }
  }
}

bool Matrix::knows_function(lg_group group, LibraryId id, uint32_t function) const {
  if (rules_ == nullptr) return true;
  return function != 0 && functions_.count(function_key(group, id, function)) != 0;
}

}  // namespace libguard
