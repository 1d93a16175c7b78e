// SPDX-License-Identifier: Apache-2.0
// Matrix: the rules of a policy as bit rows over library numbers, kept current as libraries become known.
//
// Way:     profile -> policy -> *matrix* -> verdict.
// Thread:  the supervisor's serving thread only.
// Failure: none; a library beyond the table's limit is kUnknown and has its rights.
#pragma once

#include <memory>
#include <unordered_set>

#include "bpf/judge.h"
#include "core/library/library.h"
#include "core/policy/policy.h"

namespace libguard {

// Number of a function in code tables and cells: FNV-1a 32 of its dotted name.
uint32_t function_id(std::string_view dotted);

class Matrix {
 public:
  // Without rules nothing is judged (observe, record). `listed`: every name the policy lists; what any of them lacks
  // is judged from the start, because the seccomp filter is made before the first library is met.
  Matrix(const Rules* rules, const std::vector<std::string>& listed);

  // Writes the rights of a library that became known. Call once per number, in any order.
  void add(LibraryId id, std::string_view purl);

  // May this function of the library be direct caller for the group (@exec, @process)?
  bool knows_function(lg_group group, LibraryId id, uint32_t function) const;

  const lg_matrix* get() const { return matrix_.get(); }

 private:
  void close_rows(const RightSet& everybody, Phase phase, Role role);
  void refresh_judged();
  void judge_always(std::string_view purl);

  const Rules* rules_;
  std::unique_ptr<lg_matrix> matrix_;
  RightSet always_judged_[LG_PHASES];
  std::unordered_set<uint64_t> functions_;  // group << 48 | library << 32 | function
};

}  // namespace libguard
