// SPDX-License-Identifier: Apache-2.0
// What is left of a function that waits in the middle: the instructions that can still run before it returns.
//
// Way:     return address -> *part* -> resume set of a living process.
// Thread:  one at a time.
// Failure: a computed jump whose targets are not found: the whole function is left, and it returns.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "core/analysis/code_scan.h"
#include "core/analysis/eh_frame.h"

namespace libguard {

struct FramePart {
  bool found = false;       // there is a function at the address
  bool returns = false;     // its caller may go on
  bool again = false;       // it may make the call again in which it waits
  std::set<uint64_t> left;  // instructions that can still run
  ScannedFunction contribution;
};

class FrameParts {
 public:
  explicit FrameParts(const ElfImage& image);  // which outlives this
  // `address`: the instruction that runs next.
  const FramePart& at(uint64_t address);
  const CodeScan& scan() const { return scan_; }

 private:
  FramePart part(uint64_t address);
  void follow(const ScannedFunction& function, uint64_t address, FramePart& part);
  void step(const ScannedFunction& function, const Instruction& instruction, FramePart& part);
  std::vector<uint64_t> table_targets(const ScannedFunction& function) const;
  std::vector<uint64_t> landing_pads(const ScannedFunction& function, uint64_t call) const;
  bool never_returns(const Instruction& call);
  void take_whole(const ScannedFunction& function, FramePart& part) const;

  const ElfImage& image_;
  CodeScan scan_;
  Decoder decoder_;
  std::map<uint64_t, uint64_t> handlers_;  // function -> table of landing pads
  std::map<uint64_t, FramePart> parts_;
  std::vector<uint64_t> work_;
};

}  // namespace libguard
