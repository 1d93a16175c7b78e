// SPDX-License-Identifier: Apache-2.0
// What one instruction does to registers and stack slots.
//
// Way:     see interpret.h.
// Thread:  see interpret.h.
// Failure: an instruction that is not modelled makes what it writes unknown.
#include "core/analysis/interpret.h"

namespace libguard {
namespace {

using Kind = Operand::Kind;
using Op = Step::Op;

bool same_register(const Step& step) {
  return step.to.kind == Kind::kRegister && step.from.kind == Kind::kRegister && step.to.base == step.from.base;
}

// The stack slot that the operand names, as an offset from the stack pointer at entry.
std::optional<int64_t> slot_of(const Operand& operand, const State& state) {
  if (operand.kind != Kind::kMemory || operand.index != kNoRegister || operand.base >= kRegisters) return std::nullopt;
  const Value& base = state.reg(operand.base);
  if (!base.is(Value::Kind::kStack)) return std::nullopt;
  return base.offset() + operand.number;
}

Value read(const Operand& operand, const State& state) {
  switch (operand.kind) {
    case Kind::kNumber:
      return Value::constant(operand.number);
    case Kind::kRegister:
      return operand.bits >= 32 ? state.reg(operand.base) : Value::anything();
    case Kind::kMemory:
      if (auto slot = slot_of(operand, state)) return operand.bits >= 32 ? state.slot(*slot) : Value::anything();
      return operand.bits >= 32 ? Value::loaded() : Value::anything();
    case Kind::kNone:
      break;
  }
  return Value::anything();
}

void write(const Operand& operand, Value value, State& state) {
  if (operand.kind == Kind::kRegister) {
    if (operand.bits < 32) value = Value::anything();
    if (operand.bits == 32 && value.is_constant())
      value = value.map([](int64_t n) { return static_cast<int64_t>(static_cast<int32_t>(n)); });
    state.reg(operand.base) = std::move(value);
  } else if (auto slot = slot_of(operand, state)) {
    if (operand.bits >= 32)
      state.set_slot(*slot, std::move(value));
    else
      state.forget_slots(*slot, 8);
  }
}

}  // namespace

void Interpreter::apply_sum(const Step& step, State& state) const {
  bool minus = step.op == Op::kSubtract;
  if (minus && same_register(step)) return write(step.to, Value::constant(0), state);
  if (step.from.kind != Kind::kNumber) return write(step.to, Value::anything(), state);
  int64_t change = minus ? -step.from.number : step.from.number;
  Value before = read(step.to, state);
  if (before.is(Value::Kind::kStack)) return write(step.to, Value::stack(before.offset() + change), state);
  write(step.to, before.map([change](int64_t n) { return n + change; }), state);
}

void Interpreter::apply_bits(const Step& step, State& state) const {
  Value before = read(step.to, state);
  int64_t number = step.from.number;
  if (step.op == Op::kNegate) return write(step.to, before.map([](int64_t n) { return -n; }), state);
  if (step.op == Op::kNot) return write(step.to, before.map([](int64_t n) { return ~n; }), state);
  if (step.op == Op::kXor && same_register(step)) return write(step.to, Value::constant(0), state);
  if (step.from.kind != Kind::kNumber) return write(step.to, Value::anything(), state);
  if (step.op == Op::kXor) return write(step.to, before.map([=](int64_t n) { return n ^ number; }), state);
  if (step.op == Op::kAnd) {  // of the stack pointer: alignment
    if (before.is(Value::Kind::kStack)) return write(step.to, Value::stack(before.offset() & number), state);
    return write(step.to, before.map([=](int64_t n) { return n & number; }), state);
  }
  write(step.to, number == -1 ? Value::constant(-1) : before.map([=](int64_t n) { return n | number; }), state);
}

void Interpreter::apply_address(const Step& step, State& state) const {
  const Operand& from = step.from;
  Value sum = Value::anything();
  if (from.base == kNoRegister && from.index == kNoRegister) {
    sum = Value::constant(from.number);
  } else if (from.base < kRegisters && from.index == kNoRegister) {
    const Value& base = state.reg(from.base);
    if (base.is(Value::Kind::kStack))
      sum = Value::stack(base.offset() + from.number);
    else
      sum = from.number == 0 ? base : base.map([&](int64_t n) { return n + from.number; });
  } else if (from.index < kRegisters) {
    Value index = state.reg(from.index), base = from.base < kRegisters ? state.reg(from.base) : Value::constant(0);
    if (from.base == from.index) {
      sum = index.map([&](int64_t n) { return n * (from.scale + 1) + from.number; });
    } else if (index.is_constant() && base.is_constant()) {
      std::vector<int64_t> sums;
      for (int64_t i : index.numbers())
        for (int64_t b : base.numbers()) sums.push_back(i * from.scale + b + from.number);
      sum = Value::constants(std::move(sums));
    }
  }
  write(step.to, std::move(sum), state);
}

void Interpreter::apply_stack(const Step& step, State& state) const {
  Value& top = state.reg(kRsp);
  bool known = top.is(Value::Kind::kStack);
  if (step.op == Op::kPush) {
    Value pushed = read(step.to, state);
    if (!known) return;
    top = Value::stack(top.offset() - 8);
    state.set_slot(top.offset(), std::move(pushed));
  } else if (step.op == Op::kPop) {
    Value popped = known ? state.slot(top.offset()) : Value::anything();
    if (known) top = Value::stack(top.offset() + 8);
    if (step.to.kind == Kind::kRegister) write(step.to, std::move(popped), state);
  } else {  // leave: rsp = rbp, pop rbp
    Value frame = state.reg(kRbp);
    bool found = frame.is(Value::Kind::kStack);
    state.reg(kRbp) = found ? state.slot(frame.offset()) : Value::anything();
    top = found ? Value::stack(frame.offset() + 8) : Value::anything();
  }
}

void Interpreter::apply_other(const Step& step, State& state) const {
  for (uint8_t i = 0; i < kRegisters; i++)
    if ((step.written >> i & 1) && i != kRsp) state.reg(i) = Value::anything();
  if (auto slot = slot_of(step.to, state)) state.forget_slots(*slot, 64);  // as wide as anything writes
}

void Interpreter::apply_call(State& state) const {
  // The callee may write through addresses that it was given.
  for (uint8_t i : {kRdi, kRsi, kRdx, kRcx, kR8, kR9})
    if (state.reg(i).is(Value::Kind::kStack)) state.forget_slots(state.reg(i).offset(), 8);
  for (uint8_t i : {kRax, kRcx, kRdx, kRsi, kRdi, kR8, kR9, kR10, kR11}) state.reg(i) = Value::anything();
  if (!image_.go) return;
  for (uint8_t i = 0; i < kRegisters; i++)
    if (i != kRsp) state.reg(i) = Value::anything();
}

void Interpreter::apply(const Step& step, State& state) const {
  if (step.flow == Instruction::Kind::kCall) return apply_call(state);
  switch (step.op) {
    case Op::kNothing:
    case Op::kCompare:
    case Op::kTest:
      return;
    case Op::kMove:
      if (step.to.kind == Kind::kRegister && step.to.bits == 8 && step.from.kind == Kind::kNumber) {
        int64_t byte = step.from.number & 0xff;  // the rest of the register stays
        Value& target = state.reg(step.to.base);
        target = target.map([byte](int64_t n) { return (n & ~int64_t{0xff}) | byte; });
        return;
      }
      return write(step.to, read(step.from, state), state);
    case Op::kAdd:
    case Op::kSubtract:
      return apply_sum(step, state);
    case Op::kXor:
    case Op::kAnd:
    case Op::kOr:
    case Op::kNegate:
    case Op::kNot:
      return apply_bits(step, state);
    case Op::kLoadAddress:
      return apply_address(step, state);
    case Op::kPush:
    case Op::kPop:
    case Op::kLeave:
      return apply_stack(step, state);
    case Op::kSystemCall:
      for (uint8_t i : {kRax, kRcx, kR11}) state.reg(i) = Value::anything();
      return;
    case Op::kBorrow:
      if (!same_register(step)) return apply_other(step, state);
      return write(step.to, Value::constants({-1, 0}), state);
    case Op::kExchange: {
      Value to = read(step.to, state), from = read(step.from, state);
      write(step.to, std::move(from), state);
      return write(step.from, std::move(to), state);
    }
    case Op::kChoose: {
      Value value = read(step.to, state);
      value.join(read(step.from, state));
      return write(step.to, std::move(value), state);
    }
    case Op::kSetBit: {  // one byte; the rest stays, so a small number becomes 0 or 1
      if (step.to.kind != Kind::kRegister) return apply_other(step, state);
      Value& target = state.reg(step.to.base);
      bool small = target.is_constant() && target.numbers().front() >= 0 && target.numbers().back() <= 255;
      target = small ? Value::constants({0, 1}) : Value::anything();
      return;
    }
    case Op::kOther:
      return apply_other(step, state);
  }
}

}  // namespace libguard
