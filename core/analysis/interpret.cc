// SPDX-License-Identifier: Apache-2.0
// Blocks, jump tables, and the work list of the interpretation.
//
// Way:     see interpret.h.
// Thread:  see interpret.h.
// Failure: see interpret.h. Code that no followed path reaches is visited with an unknown state.
#include "core/analysis/interpret.h"

#include <algorithm>
#include <set>

namespace libguard {
namespace {

using Kind = Instruction::Kind;

constexpr uint64_t kLargestFunction = 200'000;  // bytes
constexpr size_t kMostSteps = 400'000;
constexpr int kMostVisits = 400;  // of one block
constexpr uint64_t kMostTableEntries = 4096;

bool ends_path(const Step& step) {
  return step.flow == Kind::kJump || step.flow == Kind::kReturn || step.flow == Kind::kStop;
}

}  // namespace

void Interpreter::decode(AddressRange function) {
  steps_.clear();
  at_.clear();
  Bytes bytes = image_.at(function.begin);
  bytes = bytes.subspan(0, std::min<uint64_t>(bytes.size(), function.end - function.begin));
  for (size_t offset = 0; offset < bytes.size();) {
    auto step = decoder_.decode_step(bytes.subspan(offset), function.begin + offset);
    if (!step) {
      offset++;
      continue;
    }
    at_[step->address] = static_cast<int>(steps_.size());
    steps_.push_back(*step);
    offset += step->length;
  }
}

int Interpreter::index_of(uint64_t address) const {
  auto found = at_.find(address);
  return found == at_.end() ? -1 : found->second;
}

// leader_: a block starts here. entered_: by a branch, or by falling into it.
void Interpreter::find_blocks() {
  size_t count = steps_.size();
  leader_.assign(count + 1, 0);
  entered_.assign(count + 1, 0);
  leader_[0] = entered_[0] = 1;
  computed_ = false;
  for (size_t i = 0; i < count; i++) {
    const Step& step = steps_[i];
    if (step.flow == Kind::kJump || step.flow == Kind::kBranch) {
      int target = step.direct ? index_of(step.target) : -1;
      if (target >= 0) leader_[static_cast<size_t>(target)] = entered_[static_cast<size_t>(target)] = 1;
      computed_ |= !step.direct;
      leader_[i + 1] = 1;
    } else if (ends_path(step)) {
      leader_[i + 1] = 1;
    }
  }
  for (size_t i = 0; i < count; i++)
    if (leader_[i + 1] && !ends_path(steps_[i])) entered_[i + 1] = 1;
  table_targets_.clear();
  if (computed_) find_tables();
  // Blocks that nobody enters: behind jump tables that were not found, landing pads.
  orphans_.clear();
  for (size_t i = 0; i < count; i++) {
    if (!leader_[i] || entered_[i]) continue;
    size_t j = i;
    while (j < count && steps_[j].flow == Kind::kPadding && !(j > i && leader_[j])) j++;
    if (j == count || (j != i && leader_[j])) continue;
    leader_[j] = 1;
    orphans_.push_back(j);
  }
}

// A jump table is a row of offsets (from the row's own address) or of addresses that all lead into this function.
void Interpreter::find_tables() {
  std::set<size_t> targets;
  for (const Step& step : steps_) {
    bool address = step.op == Step::Op::kLoadAddress && step.from.base == kNoRegister && step.from.index == kNoRegister;
    for (uint64_t i = 0; address && i < kMostTableEntries; i++) {
      uint64_t table = static_cast<uint64_t>(step.from.number);
      auto offset = image_.read<int32_t>(table + 4 * i);
      int target = offset ? index_of(table + static_cast<uint64_t>(int64_t{*offset})) : -1;
      if (target < 0) break;
      targets.insert(static_cast<size_t>(target));
    }
    for (const Operand* operand : {&step.to, &step.from}) {
      bool row = operand->kind == Operand::Kind::kMemory && operand->base == kNoRegister && operand->scale == 8;
      for (uint64_t i = 0; row && i < kMostTableEntries; i++) {
        auto entry = image_.read<uint64_t>(static_cast<uint64_t>(operand->number) + 8 * i);
        int target = entry ? index_of(*entry) : -1;
        if (target < 0) break;
        targets.insert(static_cast<size_t>(target));
      }
    }
  }
  for (size_t target : targets) leader_[target] = entered_[target] = 1;
  table_targets_.assign(targets.begin(), targets.end());
}

void Interpreter::reach(size_t index, const State& state) {
  if (index < steps_.size() && states_[index].join(state)) work_.push_back(index);
}

// The register and number that a comparison before the branch found equal: `test r,r` or `cmp r,number`.
std::optional<std::pair<uint8_t, int64_t>> Interpreter::equality_before(size_t index, size_t start) const {
  if (index == start) return std::nullopt;
  size_t i = index - 1;
  auto keeps_flags = [&](const Step& step) {
    return step.op == Step::Op::kMove || step.op == Step::Op::kLoadAddress || step.op == Step::Op::kNothing;
  };
  while (i > start && keeps_flags(steps_[i])) i--;
  const Step& step = steps_[i];
  if (step.to.kind != Operand::Kind::kRegister || step.to.bits < 32 || step.to.base == kRsp) return std::nullopt;
  for (size_t j = i + 1; j < index; j++)
    if (steps_[j].written >> step.to.base & 1) return std::nullopt;
  if (step.op == Step::Op::kTest && step.from.is_register(static_cast<Register>(step.to.base)))
    return {{step.to.base, 0}};
  if (step.op == Step::Op::kCompare && step.from.kind == Operand::Kind::kNumber)
    return {{step.to.base, step.from.number}};
  return std::nullopt;
}

void Interpreter::branch(size_t index, size_t start, const State& state) {
  const Step& step = steps_[index];
  int target = index_of(step.target);
  State equal = state;
  bool refined = false;
  if (step.when_equal || step.when_different) {
    if (auto known = equality_before(index, start)) {
      equal.reg(known->first) = Value::constant(known->second);
      refined = true;
    }
  }
  if (target >= 0) reach(static_cast<size_t>(target), refined && step.when_equal ? equal : state);
  reach(index + 1, refined && step.when_different ? equal : state);
}

void Interpreter::follow_block(size_t start, const std::vector<uint64_t>& sites, const Visit& visit) {
  State state = states_[start];
  for (size_t i = start; i < steps_.size(); i++) {
    if (i != start && leader_[i]) return reach(i, state);
    if (budget_ == 0) return;
    budget_--;
    const Step& step = steps_[i];
    visited_[i] = 1;
    if (std::binary_search(sites.begin(), sites.end(), step.address)) visit(step.address, state);
    if (step.flow == Kind::kBranch) return branch(i, start, state);
    if (step.flow == Kind::kJump) {
      if (step.direct) {
        int target = index_of(step.target);
        if (target >= 0) reach(static_cast<size_t>(target), state);
        return;
      }
      for (size_t target : table_targets_.empty() ? orphans_ : table_targets_) reach(target, state);
      return;
    }
    if (ends_path(step)) return;
    apply(step, state);
    if (step.flow == Kind::kCall && step.direct && never_returns_(step.target)) return;
  }
}

// Unvisited code is entered with nothing known, first orphans, then one instruction at a time.
// Go has no landing pads: without a computed jump, what is not reached only runs after a recovery, up to its return.
void Interpreter::start_unreached(const std::vector<uint64_t>& sites, const Visit& visit) {
  if (image_.go && !computed_) {
    for (uint64_t site : sites)
      if (int i = index_of(site); i < 0 || !visited_[static_cast<size_t>(i)]) visit(site, State::unknown());
    return;
  }
  for (size_t orphan : orphans_) {
    if (states_[orphan].reached()) continue;
    states_[orphan] = State::unknown();
    work_.push_back(orphan);
  }
  if (!work_.empty()) return;
  for (size_t& i = next_unreached_; i < steps_.size(); i++) {
    if (visited_[i] || steps_[i].flow == Kind::kPadding || states_[i].reached()) continue;
    leader_[i] = 1;
    states_[i] = State::unknown();
    work_.push_back(i);
    return;
  }
}

void Interpreter::run(AddressRange function, const std::vector<uint64_t>& sites, const Visit& visit) {
  auto give_up = [&] {
    for (uint64_t site : sites) visit(site, State::unknown());
  };
  if (function.end - function.begin > kLargestFunction) return give_up();
  decode(function);
  if (steps_.empty()) return give_up();
  find_blocks();
  states_.clear();
  visits_.clear();
  visited_.assign(steps_.size() + 1, 0);
  budget_ = kMostSteps;
  next_unreached_ = 0;
  states_[0] = State::at_entry();
  work_ = {0};
  while (!work_.empty()) {
    size_t block = work_.back();
    work_.pop_back();
    if (++visits_[block] > kMostVisits) return give_up();
    follow_block(block, sites, visit);
    if (budget_ == 0) return give_up();
    if (work_.empty()) start_unreached(sites, visit);
  }
}

}  // namespace libguard
