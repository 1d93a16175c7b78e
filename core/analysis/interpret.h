// SPDX-License-Identifier: Apache-2.0
// Interprets one function over values: what do the registers hold where it makes a call?
//
// Way:     code -> *interpretation* -> the numbers of system calls, the arguments of wrappers.
// Thread:  one interpreter per thread.
// Failure: too large a function or too many steps: every site is visited with an unknown state.
//
// What is taken for granted: callees keep the registers that the ABI says they keep (Go: none), and do not write the
// caller's spill slots except through an address they were given.
#pragma once

#include <functional>
#include <unordered_map>
#include <vector>

#include "core/analysis/value.h"

namespace libguard {

class Interpreter {
 public:
  using NeverReturns = std::function<bool(uint64_t)>;  // the function at this address
  using Visit = std::function<void(uint64_t site, const State&)>;
  Interpreter(const ElfImage& image, NeverReturns never_returns)
      : image_(image), never_returns_(std::move(never_returns)) {}
  // Calls `visit` with the state before each of the sites (addresses of instructions, sorted), at least once per site.
  void run(AddressRange function, const std::vector<uint64_t>& sites, const Visit& visit);

 private:
  struct Flow;
  void decode(AddressRange function);
  int index_of(uint64_t address) const;
  void find_blocks();
  void find_tables();
  void follow_block(size_t start, const std::vector<uint64_t>& sites, const Visit& visit);
  void reach(size_t index, const State& state);
  void branch(size_t index, size_t start, const State& state);
  std::optional<std::pair<uint8_t, int64_t>> equality_before(size_t index, size_t start) const;
  void start_unreached(const std::vector<uint64_t>& sites, const Visit& visit);
  void apply(const Step& step, State& state) const;
  void apply_call(State& state) const;
  void apply_sum(const Step& step, State& state) const;
  void apply_bits(const Step& step, State& state) const;
  void apply_address(const Step& step, State& state) const;
  void apply_stack(const Step& step, State& state) const;
  void apply_other(const Step& step, State& state) const;

  const ElfImage& image_;
  NeverReturns never_returns_;
  Decoder decoder_;
  std::vector<Step> steps_;
  std::unordered_map<uint64_t, int> at_;
  std::vector<uint8_t> leader_, entered_, visited_;
  std::vector<size_t> table_targets_, orphans_;
  std::unordered_map<size_t, State> states_;
  std::unordered_map<size_t, int> visits_;
  std::vector<size_t> work_;
  size_t budget_ = 0, next_unreached_ = 0;
  bool computed_ = false;  // the function jumps to where a register or table says
};

}  // namespace libguard
