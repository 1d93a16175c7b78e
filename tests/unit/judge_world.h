// SPDX-License-Identifier: Apache-2.0
// A matrix, a stack and a verdict in a few words, for the tests of the judge.
#pragma once

#include <initializer_list>
#include <memory>

#include "core/rights/rights.h"
#include "core/rights/vouching.h"

namespace libguard {

// Libraries of the stories.
enum : uint16_t { kApp = LG_APPLICATION, kRuntime = LG_RUNTIME, kLogger = 10, kClient = 11, kTool = 12, kFar = 1000 };

class World {
 public:
  // Nobody holds a dangerous right, everybody the others.
  World() : matrix_(new lg_matrix{}) {
    for (uint32_t right = 0; right < LG_MAX_RIGHTS; right++)
      if (lg_is_dangerous(lg_group_of(right)))
        for (uint32_t library = 0; library < LG_MAX_LIBRARIES; library++) refuse(static_cast<uint16_t>(library), right);
  }

  void refuse(uint16_t library, uint32_t right) {
    for (auto& phase : matrix_->deny)
      for (auto& role : phase) lg_set_add(&role[right], library);
  }
  void grant(uint16_t library, uint32_t right, lg_role role) {
    for (auto& phase : matrix_->deny) remove(&phase[role][right], library);
  }
  void grant(uint16_t library, uint32_t right) {
    for (const lg_role role : {LG_ROLE_STACK, LG_ROLE_CALLER, LG_ROLE_SPAWNED}) grant(library, right, role);
  }
  static void remove(lg_set* set, uint16_t library) { set->word[library / 64] &= ~(1ull << (library % 64)); }

  // Frames, outermost first, as a walk would reduce them; `module` names the innermost frame if it is the runtime's.
  void stack(std::initializer_list<uint16_t> outermost_first, std::string_view module = "", uint32_t function = 0) {
    subject.stack = lg_stack{};
    subject.stack.caller = subject.stack.direct = LG_RUNTIME;
    for (const uint16_t library : outermost_first) {
      lg_set_add(&subject.stack.active, library);
      if (library != kRuntime) subject.stack.caller = library;
      subject.stack.direct = library;
      subject.stack.depth_capped++;
    }
    if (subject.stack.direct == kRuntime && !module.empty()) {
      subject.stack.direct_vouching = vouching_of(module);
      subject.stack.flags = LG_STACK_STARTER;  // who goes through it names it
    }
    subject.stack.direct_function = function;
  }
  void handoff(std::initializer_list<uint16_t> submitters) {
    subject.handoff = lg_handoff{};
    subject.handoff.noted = 1;
    subject.handoff.caller = LG_RUNTIME;
    for (const uint16_t library : submitters) {
      lg_set_add(&subject.handoff.active, library);
      if (library != kRuntime) subject.handoff.caller = library;
    }
  }

  lg_verdict judge(uint32_t right, bool function_known = true) const {
    lg_verdict verdict;
    lg_judge(matrix_.get(), &subject, static_cast<uint16_t>(right), function_known, &verdict);
    return verdict;
  }
  bool allows(uint32_t right, bool function_known = true) const { return judge(right, function_known).allowed; }

  lg_matrix& matrix() { return *matrix_; }
  lg_subject subject{};

 private:
  std::unique_ptr<lg_matrix> matrix_;
};

}  // namespace libguard
