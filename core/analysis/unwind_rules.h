// SPDX-License-Identifier: Apache-2.0
// UnwindRules: where a function's caller left its registers, at any instruction, from .eh_frame.
//
// Way:     image -> *rules* -> stacks of living threads (core/live).
// Thread:  const after it was made; any.
// Failure: code without rules, or with instructions that are not understood: no row.
#pragma once

#include <array>
#include <functional>
#include <optional>

#include "core/analysis/eh_frame.h"

namespace libguard {

// Registers in DWARF's numbering (it is not that of instructions).
inline constexpr int kDwarfRbp = 6, kDwarfRsp = 7, kDwarfReturn = 16, kDwarfRegisters = 17;

// Values that are not known are empty: outside a stopped thread, what callees saved is all that there is.
using RegisterValues = std::array<std::optional<uint64_t>, kDwarfRegisters>;
using ReadWord = std::function<std::optional<uint64_t>(uint64_t)>;

struct RegisterRule {
  enum class Kind : uint8_t { kSame, kUndefined, kAtCfa, kCfaPlus, kRegister, kAtExpression, kExpression };
  Kind kind = Kind::kSame;
  int64_t number = 0;  // offset from the CFA, or register
  Bytes expression;
};

struct UnwindRow {
  AddressRange function;
  bool signal_frame = false;
  int cfa_register = kDwarfRsp;  // unless there is an expression
  int64_t cfa_offset = 0;
  Bytes cfa_expression;
  std::array<RegisterRule, kDwarfRegisters> registers;

  // Address of the caller's stack behind its call.
  std::optional<uint64_t> cfa(const RegisterValues& values, const ReadWord& read) const;
  // The caller's registers, its instruction pointer in kDwarfReturn.
  RegisterValues caller(uint64_t cfa, const RegisterValues& values, const ReadWord& read) const;
};

class UnwindRules {
 public:
  explicit UnwindRules(const ElfImage& image);  // which outlives this
  std::optional<UnwindRow> at(uint64_t address) const;
  std::optional<AddressRange> function_at(uint64_t address) const;
  bool is_function(uint64_t address) const;  // one begins there

 private:
  FrameTable table_;
  std::vector<uint32_t> order_;  // of the table's functions, by address
  size_t find(uint64_t address) const;
};

}  // namespace libguard
