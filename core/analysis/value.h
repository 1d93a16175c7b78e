// SPDX-License-Identifier: Apache-2.0
// What is known about registers and stack slots at one point of a function.
//
// Way:     instructions -> *values* -> the numbers of system calls.
// Thread:  plain values.
// Failure: what is not known is kAnything; more than kMostConstants numbers are kAnything too.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/analysis/instruction.h"

namespace libguard {

class Value {
 public:
  enum class Kind : uint8_t {
    kNothing,    // no path has come here yet
    kConstants,  // one of these numbers
    kParameter,  // what the register (or stack word, see kStackParameters) held when the function was entered
    kStack,      // the stack pointer at entry plus an offset
    kLoaded,     // read from memory that is not followed
    kAnything,
  };
  static constexpr size_t kMostConstants = 48;
  // Parameters 16… are the words above the return address: Go's assembler functions take theirs there.
  static constexpr uint8_t kStackParameters = 16, kParameters = 32;

  Value() = default;
  static Value anything() { return Value(Kind::kAnything, 0); }
  static Value loaded() { return Value(Kind::kLoaded, 0); }
  static Value parameter(uint8_t reg) { return Value(Kind::kParameter, reg); }
  static Value stack(int64_t offset) { return Value(Kind::kStack, offset); }
  static Value constant(int64_t number);
  static Value constants(std::vector<int64_t> numbers);  // any order; too many: anything

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_constant() const { return kind_ == Kind::kConstants; }
  const std::vector<int64_t>& numbers() const { return numbers_; }
  uint8_t parameter_register() const { return static_cast<uint8_t>(offset_); }
  int64_t offset() const { return offset_; }
  bool operator==(const Value&) const = default;
  void join(const Value& other);
  template <class Function>
  Value map(Function function) const {  // of constants; anything else is anything
    if (!is_constant()) return anything();
    std::vector<int64_t> mapped;
    for (int64_t number : numbers_) mapped.push_back(function(number));
    return constants(std::move(mapped));
  }

 private:
  Value(Kind kind, int64_t offset) : kind_(kind), offset_(offset) {}
  Kind kind_ = Kind::kNothing;
  int64_t offset_ = 0;
  std::vector<int64_t> numbers_;  // sorted
};

// Registers, and the stack slots whose contents are known.
class State {
 public:
  static State at_entry();
  static State unknown();
  bool reached() const { return reached_; }
  Value& reg(uint8_t number) { return registers_[number]; }
  const Value& reg(uint8_t number) const { return registers_[number]; }
  Value slot(int64_t offset) const;
  Value argument(uint8_t parameter) const;            // of a callee, right before the call or tail jump
  void set_slot(int64_t offset, Value value);         // forgets what overlaps
  void forget_slots(int64_t offset, int64_t length);  // those that start in [offset-7, offset+length)
  bool join(const State& other);                      // true if something changed

 private:
  static constexpr size_t kMostSlots = 64;
  std::array<Value, kRegisters> registers_;
  std::vector<std::pair<int64_t, Value>> slots_;  // sorted by offset
  bool reached_ = false;
  bool parameters_written_ = false;  // some word above the return address
};

}  // namespace libguard
