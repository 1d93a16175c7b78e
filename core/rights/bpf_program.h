// SPDX-License-Identifier: Apache-2.0
// A small assembler for classic BPF: instructions with labels, however far the jumps are.
//
// Way:     *events*: used by the seccomp filter only.
// Thread:  owned by one caller.
// Failure: link() fails if a label was never placed or the program exceeds the kernel's limit.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "core/base/result.h"

namespace libguard {

class BpfProgram {
 public:
  using Label = size_t;

  Label new_label();
  void place(Label label);     // the next instruction is the label's
  void load(uint32_t offset);  // A = 32-bit word of struct seccomp_data
  void mask(uint32_t bits);    // A &= bits
  void jump(Label to);
  void jump_if_equal(uint32_t value, Label to);     // falls through otherwise
  void jump_if_at_least(uint32_t value, Label to);  // unsigned
  void answer(uint32_t action);                     // ends the program

  Result<std::vector<sock_filter>> link() const;

 private:
  static constexpr Label kNoLabel = ~Label{0};
  struct Line {
    uint16_t code;
    uint32_t operand;
    Label to = kNoLabel;  // of jumps
  };

  // Place of every line if those marked far take two instructions; one place more for the end.
  static std::vector<size_t> places_of(const std::vector<bool>& far);

  std::vector<Line> lines_;
  std::vector<size_t> labels_;  // line of each label
};

}  // namespace libguard
