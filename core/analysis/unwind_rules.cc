// SPDX-License-Identifier: Apache-2.0
// Interprets call frame instructions, and the expressions that compilers and linkers write.
//
// Way:     see unwind_rules.h.
// Thread:  see unwind_rules.h.
// Failure: see unwind_rules.h. Loops are impossible: instructions only go forward, branches are not understood.
#include "core/analysis/unwind_rules.h"

#include <algorithm>

#include "core/analysis/dwarf_cursor.h"

namespace libguard {
namespace {

constexpr size_t kNone = SIZE_MAX, kDeepest = 64;
using Kind = RegisterRule::Kind;

// DW_OP_*.
constexpr uint8_t kAddress = 0x03, kDereference = 0x06, kConstant1u = 0x08, kConstant8s = 0x0f, kConstantU = 0x10,
                  kConstantS = 0x11, kAnd = 0x1a, kMinus = 0x1c, kPlus = 0x22, kPlusConstant = 0x23, kShiftLeft = 0x24,
                  kEqual = 0x29, kNotEqual = 0x2e, kLiteral0 = 0x30, kLiteral31 = 0x4f, kBase0 = 0x70, kBase31 = 0x8f;

class Expression {
 public:
  Expression(const RegisterValues& values, const ReadWord& read) : values_(values), read_(read) {}
  std::optional<uint64_t> value(Bytes bytes, std::optional<uint64_t> first) {
    DwarfCursor cursor(bytes, 0);
    stack_.clear();
    if (first) stack_.push_back(*first);
    while (cursor.left() != 0 && cursor.good())
      if (!apply(cursor.take<uint8_t>(), cursor) || stack_.size() > kDeepest) return std::nullopt;
    if (!cursor.good() || stack_.empty()) return std::nullopt;
    return stack_.back();
  }

 private:
  bool push(std::optional<uint64_t> value) {
    if (value) stack_.push_back(*value);
    return value.has_value();
  }
  std::optional<uint64_t> constant(uint8_t operation, DwarfCursor& cursor) {
    switch (operation) {
      case kConstant1u:
        return cursor.take<uint8_t>();
      case kConstant1u + 1:
        return static_cast<uint64_t>(int64_t{cursor.take<int8_t>()});
      case kConstant1u + 2:
        return cursor.take<uint16_t>();
      case kConstant1u + 3:
        return static_cast<uint64_t>(int64_t{cursor.take<int16_t>()});
      case kConstant1u + 4:
        return cursor.take<uint32_t>();
      case kConstant1u + 5:
        return static_cast<uint64_t>(int64_t{cursor.take<int32_t>()});
      default:
        return cursor.take<uint64_t>();
    }
  }
  bool combine(uint8_t operation) {
    if (stack_.size() < 2) return false;
    uint64_t right = stack_.back();
    stack_.pop_back();
    uint64_t& left = stack_.back();
    auto a = static_cast<int64_t>(left), b = static_cast<int64_t>(right);
    const bool answers[] = {a == b, a >= b, a > b, a <= b, a < b, a != b};  // in the order of the numbers
    if (operation == kAnd)
      left &= right;
    else if (operation == kMinus)
      left -= right;
    else if (operation == kPlus)
      left += right;
    else if (operation == kShiftLeft)
      left = right < 64 ? left << right : 0;
    else
      left = answers[operation - kEqual] ? 1 : 0;
    return true;
  }
  bool apply(uint8_t operation, DwarfCursor& cursor) {
    if (operation >= kLiteral0 && operation <= kLiteral31) return push(operation - kLiteral0);
    if (operation >= kBase0 && operation <= kBase31) {
      int reg = operation - kBase0;
      auto offset = static_cast<uint64_t>(cursor.take_signed_leb());
      if (reg >= kDwarfRegisters || !values_[static_cast<size_t>(reg)]) return false;
      return push(*values_[static_cast<size_t>(reg)] + offset);
    }
    if (operation == kAddress || (operation >= kConstant1u && operation <= kConstant8s))
      return push(constant(operation, cursor));
    if (operation == kConstantU) return push(cursor.take_leb());
    if (operation == kConstantS) return push(static_cast<uint64_t>(cursor.take_signed_leb()));
    if (operation == kPlusConstant) {
      uint64_t more = cursor.take_leb();
      if (stack_.empty()) return false;
      stack_.back() += more;
      return true;
    }
    if (operation == kDereference) {
      if (stack_.empty()) return false;
      auto word = read_(stack_.back());
      stack_.pop_back();
      return push(word);
    }
    bool two = operation == kAnd || operation == kMinus || operation == kPlus || operation == kShiftLeft ||
               (operation >= kEqual && operation <= kNotEqual);
    return two && combine(operation);
  }

  const RegisterValues& values_;
  const ReadWord& read_;
  std::vector<uint64_t> stack_;
};

// Runs call frame instructions until their place is behind the address.
class FrameInterpreter {
 public:
  FrameInterpreter(const FrameCommon& common, uint64_t begin, uint64_t address)
      : common_(common), here_(begin), address_(address) {}
  bool run(Bytes program) {
    DwarfCursor cursor(program, 0);
    while (cursor.left() != 0 && here_ <= address_)
      if (!apply(cursor.take<uint8_t>(), cursor) || !cursor.good()) return false;
    return true;
  }
  void keep_initial() { initial_ = row; }
  UnwindRow row;

 private:
  RegisterRule* rule(uint64_t reg) { return reg < kDwarfRegisters ? &row.registers[reg] : &ignored_; }
  void set(uint64_t reg, Kind kind, int64_t number) { *rule(reg) = {kind, number, {}}; }
  void restore(uint64_t reg) {
    if (reg < kDwarfRegisters) row.registers[reg] = initial_.registers[reg];
  }
  // Numbers of a file may be of any size: what does not fit wraps.
  int64_t factored(uint64_t number) const {
    return static_cast<int64_t>(number * static_cast<uint64_t>(common_.data_alignment));
  }
  // Goes on to the place from which the next instructions hold; past the address nothing counts any more.
  bool advance(uint64_t delta) {
    here_ += delta * common_.code_alignment;
    return true;
  }
  void define_cfa(uint64_t reg, int64_t offset) {
    row.cfa_register = static_cast<int>(std::min<uint64_t>(reg, kDwarfRegisters));
    row.cfa_offset = offset;
    row.cfa_expression = {};
  }
  bool apply(uint8_t instruction, DwarfCursor& cursor);
  bool apply_cfa(uint8_t instruction, DwarfCursor& cursor);
  bool apply_rule(uint8_t instruction, DwarfCursor& cursor);

  const FrameCommon& common_;
  uint64_t here_, address_;
  UnwindRow initial_;
  RegisterRule ignored_;
  std::vector<UnwindRow> remembered_;
};

bool FrameInterpreter::apply(uint8_t instruction, DwarfCursor& cursor) {
  uint8_t low = instruction & 0x3f;
  switch (instruction & 0xc0) {
    case 0x40:
      return advance(low);
    case 0x80:
      set(low, Kind::kAtCfa, factored(cursor.take_leb()));
      return true;
    case 0xc0:
      restore(low);
      return true;
    default:
      break;
  }
  switch (instruction) {
    case 0x00:  // nop
      return true;
    case 0x02:
      return advance(cursor.take<uint8_t>());
    case 0x03:
      return advance(cursor.take<uint16_t>());
    case 0x04:
      return advance(cursor.take<uint32_t>());
    case 0x06:
      restore(cursor.take_leb());
      return true;
    case 0x0a:
      remembered_.push_back(row);
      return remembered_.size() < kDeepest;
    case 0x0b:
      if (remembered_.empty()) return false;
      row = remembered_.back();
      remembered_.pop_back();
      return true;
    case 0x2e:  // GNU_args_size
      cursor.take_leb();
      return true;
    default:
      return apply_cfa(instruction, cursor) || apply_rule(instruction, cursor);
  }
}

bool FrameInterpreter::apply_cfa(uint8_t instruction, DwarfCursor& cursor) {
  uint64_t reg;
  switch (instruction) {
    case 0x0c:  // def_cfa
      reg = cursor.take_leb();
      define_cfa(reg, static_cast<int64_t>(cursor.take_leb()));
      return true;
    case 0x12:  // def_cfa_sf
      reg = cursor.take_leb();
      define_cfa(reg, factored(static_cast<uint64_t>(cursor.take_signed_leb())));
      return true;
    case 0x0d:  // def_cfa_register
      define_cfa(cursor.take_leb(), row.cfa_offset);
      return true;
    case 0x0e:  // def_cfa_offset
      row.cfa_offset = static_cast<int64_t>(cursor.take_leb());
      return true;
    case 0x13:
      row.cfa_offset = factored(static_cast<uint64_t>(cursor.take_signed_leb()));
      return true;
    case 0x0f: {  // def_cfa_expression
      uint64_t length = cursor.take_leb();
      Bytes rest = cursor.rest();
      row.cfa_expression = rest.subspan(0, std::min<uint64_t>(length, rest.size()));
      cursor.part(length);
      return true;
    }
    default:
      return false;
  }
}

bool FrameInterpreter::apply_rule(uint8_t instruction, DwarfCursor& cursor) {
  uint64_t reg = cursor.take_leb();
  switch (instruction) {
    case 0x05:  // offset_extended
      set(reg, Kind::kAtCfa, factored(cursor.take_leb()));
      return true;
    case 0x11:
      set(reg, Kind::kAtCfa, factored(static_cast<uint64_t>(cursor.take_signed_leb())));
      return true;
    case 0x14:  // val_offset
      set(reg, Kind::kCfaPlus, factored(cursor.take_leb()));
      return true;
    case 0x15:
      set(reg, Kind::kCfaPlus, factored(static_cast<uint64_t>(cursor.take_signed_leb())));
      return true;
    case 0x07:
      set(reg, Kind::kUndefined, 0);
      return true;
    case 0x08:
      set(reg, Kind::kSame, 0);
      return true;
    case 0x09:
      set(reg, Kind::kRegister, static_cast<int64_t>(cursor.take_leb()));
      return true;
    case 0x10:    // expression
    case 0x16: {  // val_expression
      uint64_t length = cursor.take_leb();
      Bytes rest = cursor.rest();
      set(reg, instruction == 0x10 ? Kind::kAtExpression : Kind::kExpression, 0);
      rule(reg)->expression = rest.subspan(0, std::min<uint64_t>(length, rest.size()));
      cursor.part(length);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace

std::optional<uint64_t> UnwindRow::cfa(const RegisterValues& values, const ReadWord& read) const {
  if (!cfa_expression.empty()) return Expression(values, read).value(cfa_expression, std::nullopt);
  if (cfa_register >= kDwarfRegisters || !values[static_cast<size_t>(cfa_register)]) return std::nullopt;
  return *values[static_cast<size_t>(cfa_register)] + static_cast<uint64_t>(cfa_offset);
}

RegisterValues UnwindRow::caller(uint64_t cfa, const RegisterValues& values, const ReadWord& read) const {
  RegisterValues found;
  for (size_t reg = 0; reg < found.size(); reg++) {
    const RegisterRule& rule = registers[reg];
    const uint64_t place = cfa + static_cast<uint64_t>(rule.number);
    if (rule.kind == Kind::kSame && reg != kDwarfReturn) found[reg] = values[reg];
    if (rule.kind == Kind::kAtCfa) found[reg] = read(place);
    if (rule.kind == Kind::kCfaPlus) found[reg] = place;
    if (rule.kind == Kind::kRegister && rule.number >= 0 && rule.number < kDwarfRegisters)
      found[reg] = values[static_cast<size_t>(rule.number)];
    if (rule.kind != Kind::kAtExpression && rule.kind != Kind::kExpression) continue;
    auto value = Expression(values, read).value(rule.expression, cfa);
    found[reg] = value && rule.kind == Kind::kAtExpression ? read(*value) : value;
  }
  if (registers[kDwarfRsp].kind == Kind::kSame) found[kDwarfRsp] = cfa;
  return found;
}

UnwindRules::UnwindRules(const ElfImage& image) : table_(read_eh_frame(image)) {
  for (uint32_t i = 0; i < table_.functions.size(); i++) order_.push_back(i);
  std::sort(order_.begin(), order_.end(),
            [&](uint32_t a, uint32_t b) { return table_.functions[a] < table_.functions[b]; });
}

size_t UnwindRules::find(uint64_t address) const {
  auto after = std::upper_bound(order_.begin(), order_.end(), address,
                                [&](uint64_t a, uint32_t i) { return a < table_.functions[i].begin; });
  if (after == order_.begin() || !table_.functions[*std::prev(after)].contains(address)) return kNone;
  return *std::prev(after);
}

std::optional<AddressRange> UnwindRules::function_at(uint64_t address) const {
  size_t index = find(address);
  return index == kNone ? std::nullopt : std::optional(table_.functions[index]);
}

bool UnwindRules::is_function(uint64_t address) const {
  size_t index = find(address);
  return index != kNone && table_.functions[index].begin == address;
}

std::optional<UnwindRow> UnwindRules::at(uint64_t address) const {
  size_t index = find(address);
  if (index == kNone) return std::nullopt;
  const FrameProgram& own = table_.programs[index];
  if (own.common == FrameProgram::kBroken) return std::nullopt;
  const FrameCommon& common = table_.commons[own.common];
  if (common.return_register != kDwarfReturn) return std::nullopt;
  // The table begins signal frames one byte late; the rules are counted from where they really begin.
  uint64_t begin = table_.functions[index].begin - (common.signal_frame ? 1 : 0);
  FrameInterpreter frame(common, begin, address);
  if (!frame.run(common.program)) return std::nullopt;
  frame.keep_initial();
  if (!frame.run(own.program)) return std::nullopt;
  frame.row.function = table_.functions[index];
  frame.row.signal_frame = common.signal_frame;
  return frame.row;
}

}  // namespace libguard
