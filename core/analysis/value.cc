// SPDX-License-Identifier: Apache-2.0
// Joins of values and states.
//
// Way:     see value.h.
// Thread:  see value.h.
// Failure: see value.h.
#include "core/analysis/value.h"

#include <algorithm>
#include <iterator>

namespace libguard {

Value Value::constant(int64_t number) {
  Value value(Kind::kConstants, 0);
  value.numbers_.push_back(number);
  return value;
}

Value Value::constants(std::vector<int64_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  if (numbers.empty() || numbers.size() > kMostConstants) return anything();
  Value value(Kind::kConstants, 0);
  value.numbers_ = std::move(numbers);
  return value;
}

void Value::join(const Value& other) {
  if (other.is(Kind::kNothing) || *this == other) return;
  if (is(Kind::kNothing)) {
    *this = other;
    return;
  }
  if (!is_constant() || !other.is_constant()) {
    *this = anything();
    return;
  }
  std::vector<int64_t> all;
  std::set_union(numbers_.begin(), numbers_.end(), other.numbers_.begin(), other.numbers_.end(),
                 std::back_inserter(all));
  *this = constants(std::move(all));
}

State State::at_entry() {
  State state;
  state.reached_ = true;
  for (uint8_t i = 0; i < kRegisters; i++) state.registers_[i] = Value::parameter(i);
  state.registers_[kRsp] = Value::stack(0);
  return state;
}

State State::unknown() {
  State state;
  state.reached_ = true;
  state.registers_.fill(Value::anything());
  return state;
}

Value State::slot(int64_t offset) const {
  auto found =
      std::lower_bound(slots_.begin(), slots_.end(), offset, [](auto& slot, int64_t o) { return slot.first < o; });
  if (found != slots_.end() && found->first == offset) return found->second;
  int64_t word = offset / 8 - 1;  // the return address lies at 0
  bool parameter = offset % 8 == 0 && word >= 0 && word < Value::kParameters - Value::kStackParameters;
  if (parameter && !parameters_written_) return Value::parameter(static_cast<uint8_t>(Value::kStackParameters + word));
  return Value::anything();
}

Value State::argument(uint8_t parameter) const {
  if (parameter < Value::kStackParameters) return registers_[parameter];
  if (!registers_[kRsp].is(Value::Kind::kStack)) return Value::anything();
  int64_t top = registers_[kRsp].offset();
  bool jump = top == 0;  // the return address is there already
  return slot(top + 8 * (parameter - Value::kStackParameters + (jump ? 1 : 0)));
}

void State::forget_slots(int64_t offset, int64_t length) {
  if (offset + length > 8) parameters_written_ = true;
  auto below = [](const auto& slot, int64_t o) { return slot.first < o; };
  auto first = std::lower_bound(slots_.begin(), slots_.end(), offset - 7, below);
  auto last = std::lower_bound(slots_.begin(), slots_.end(), offset + length, below);
  if (first < last) slots_.erase(first, last);
}

void State::set_slot(int64_t offset, Value value) {
  forget_slots(offset, 8);
  if (value.is(Value::Kind::kAnything) || slots_.size() >= kMostSlots) return;
  auto place =
      std::lower_bound(slots_.begin(), slots_.end(), offset, [](auto& slot, int64_t o) { return slot.first < o; });
  slots_.insert(place, {offset, std::move(value)});
}

bool State::join(const State& other) {
  if (!reached_) {
    *this = other;
    return true;
  }
  bool changed = other.parameters_written_ && !parameters_written_;
  parameters_written_ |= other.parameters_written_;
  auto merge = [&](Value& into, const Value& from) {
    if (into == from) return;
    Value before = into;
    into.join(from);
    changed |= !(into == before);
  };
  for (uint8_t i = 0; i < kRegisters; i++) merge(registers_[i], other.registers_[i]);
  for (size_t i = 0; i < slots_.size();) {
    merge(slots_[i].second, other.slot(slots_[i].first));
    if (slots_[i].second.is(Value::Kind::kAnything)) {
      slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(i));
      changed = true;
    } else {
      i++;
    }
  }
  return changed;
}

}  // namespace libguard
