// SPDX-License-Identifier: Apache-2.0
// Zydis, and nothing of it outside of this file.
//
// Way:     see instruction.h.
// Thread:  see instruction.h.
// Failure: see instruction.h.
#include "core/analysis/instruction.h"

#include <Zydis/Zydis.h>

#include "core/base/check.h"

namespace libguard {
namespace {

using Kind = Instruction::Kind;
using Op = Step::Op;

Kind kind_of(const ZydisDecodedInstruction& raw) {
  switch (raw.meta.category) {
    case ZYDIS_CATEGORY_CALL:
      return Kind::kCall;
    case ZYDIS_CATEGORY_UNCOND_BR:
      return Kind::kJump;
    case ZYDIS_CATEGORY_COND_BR:
      return Kind::kBranch;
    case ZYDIS_CATEGORY_RET:
      return Kind::kReturn;
    default:
      break;
  }
  switch (raw.mnemonic) {
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_UD2:
      return Kind::kStop;
    case ZYDIS_MNEMONIC_SYSCALL:
      return Kind::kSystemCall;
    case ZYDIS_MNEMONIC_LEA:
      return Kind::kLoadAddress;
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_INT3:
      return Kind::kPadding;
    default:
      return Kind::kOther;
  }
}

bool is_flow(Kind kind) { return kind == Kind::kCall || kind == Kind::kJump || kind == Kind::kBranch; }
bool is_direct(const ZydisDecodedInstruction& raw) { return raw.raw.imm[0].size != 0 && raw.raw.imm[0].is_relative; }
uint64_t target_of(const ZydisDecodedInstruction& raw, uint64_t address) {
  return address + raw.length + static_cast<uint64_t>(raw.raw.imm[0].value.s);
}

bool is_second_byte(ZydisRegister name) { return name >= ZYDIS_REGISTER_AH && name <= ZYDIS_REGISTER_BH; }

uint8_t register_number(ZydisRegister name) {
  ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, name);
  if (wide < ZYDIS_REGISTER_RAX || wide > ZYDIS_REGISTER_R15) return kNoRegister;
  return static_cast<uint8_t>(wide - ZYDIS_REGISTER_RAX);
}

Operand lower(const ZydisDecodedOperand& raw, const ZydisDecodedInstruction& instruction, uint64_t address) {
  Operand operand;
  operand.bits = raw.size;
  if (raw.type == ZYDIS_OPERAND_TYPE_REGISTER) {
    operand.base = register_number(raw.reg.value);
    if (operand.base != kNoRegister) operand.kind = Operand::Kind::kRegister;
  } else if (raw.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
    operand.kind = Operand::Kind::kNumber;
    operand.number = raw.imm.value.s;
  } else if (raw.type == ZYDIS_OPERAND_TYPE_MEMORY) {
    operand.kind = Operand::Kind::kMemory;
    operand.base = register_number(raw.mem.base);
    operand.index = register_number(raw.mem.index);
    operand.scale = raw.mem.scale;
    operand.number = raw.mem.disp.value;
    if (raw.mem.base == ZYDIS_REGISTER_RIP) operand.number += static_cast<int64_t>(address + instruction.length);
    // fs and gs: thread-local, no place that is followed.
    if (raw.mem.segment == ZYDIS_REGISTER_FS || raw.mem.segment == ZYDIS_REGISTER_GS)
      operand.base = operand.index = kRegisters;
  }
  return operand;
}

Op op_of(ZydisMnemonic mnemonic) {
  switch (mnemonic) {
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_MOVSXD:
      return Op::kMove;
    case ZYDIS_MNEMONIC_XOR:
      return Op::kXor;
    case ZYDIS_MNEMONIC_ADD:
      return Op::kAdd;
    case ZYDIS_MNEMONIC_SUB:
      return Op::kSubtract;
    case ZYDIS_MNEMONIC_AND:
      return Op::kAnd;
    case ZYDIS_MNEMONIC_OR:
      return Op::kOr;
    case ZYDIS_MNEMONIC_SBB:
      return Op::kBorrow;
    case ZYDIS_MNEMONIC_NEG:
      return Op::kNegate;
    case ZYDIS_MNEMONIC_NOT:
      return Op::kNot;
    case ZYDIS_MNEMONIC_LEA:
      return Op::kLoadAddress;
    case ZYDIS_MNEMONIC_PUSH:
      return Op::kPush;
    case ZYDIS_MNEMONIC_POP:
      return Op::kPop;
    case ZYDIS_MNEMONIC_LEAVE:
      return Op::kLeave;
    case ZYDIS_MNEMONIC_XCHG:
      return Op::kExchange;
    case ZYDIS_MNEMONIC_SYSCALL:
      return Op::kSystemCall;
    case ZYDIS_MNEMONIC_CMP:
      return Op::kCompare;
    case ZYDIS_MNEMONIC_TEST:
      return Op::kTest;
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_ENDBR64:
    case ZYDIS_MNEMONIC_INT3:
      return Op::kNothing;
    default:
      break;
  }
  if (mnemonic >= ZYDIS_MNEMONIC_SETB && mnemonic <= ZYDIS_MNEMONIC_SETZ) return Op::kSetBit;
  if (mnemonic >= ZYDIS_MNEMONIC_CMOVB && mnemonic <= ZYDIS_MNEMONIC_CMOVZ) return Op::kChoose;
  return Op::kOther;
}

}  // namespace

Decoder::Decoder() : decoder_(std::make_unique<ZydisDecoder_>()) {
  LG_CHECK(ZYAN_SUCCESS(ZydisDecoderInit(decoder_.get(), ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)));
}
Decoder::~Decoder() = default;

std::optional<Instruction> Decoder::decode(Bytes bytes, uint64_t address) const {
  ZydisDecodedInstruction raw;
  ZydisDecoderContext context;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder_.get(), &context, bytes.data(), bytes.size(), &raw)))
    return std::nullopt;
  Instruction instruction;
  instruction.address = address;
  instruction.length = raw.length;
  instruction.kind = kind_of(raw);
  bool has_modrm = raw.attributes & ZYDIS_ATTRIB_HAS_MODRM;
  bool from_pointer = has_modrm && raw.raw.modrm.mod == 0 && raw.raw.modrm.rm == 5;
  if (from_pointer) instruction.place = instruction.next() + static_cast<uint64_t>(raw.raw.disp.value);
  if (is_flow(instruction.kind)) {
    instruction.direct = is_direct(raw);
    if (instruction.direct) instruction.target = target_of(raw, address);
    instruction.register_operand = has_modrm && raw.raw.modrm.mod == 3;
    instruction.scaled_table = has_modrm && raw.raw.modrm.mod == 0 && raw.raw.modrm.rm == 4 && raw.raw.sib.base == 5;
  }
  instruction.signed_extension = raw.mnemonic == ZYDIS_MNEMONIC_MOVSXD;
  instruction.vector = raw.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY || raw.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT;
  for (int i = 0; i < 2; i++) {
    const auto& number = raw.raw.imm[i];
    if (number.size < 32 || number.is_relative) continue;
    instruction.absolute[static_cast<size_t>(i)] = number.size == 32 ? number.value.u & UINT32_MAX : number.value.u;
  }
  if (raw.raw.disp.size == 32 && !from_pointer) instruction.absolute[2] = static_cast<uint64_t>(raw.raw.disp.value);
  return instruction;
}

std::optional<Step> Decoder::decode_step(Bytes bytes, uint64_t address) const {
  ZydisDecodedInstruction raw;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder_.get(), bytes.data(), bytes.size(), &raw, operands)))
    return std::nullopt;
  Step step;
  step.address = address;
  step.length = raw.length;
  step.flow = kind_of(raw);
  step.op = op_of(raw.mnemonic);
  if (is_flow(step.flow)) {
    step.direct = is_direct(raw);
    if (step.direct) step.target = target_of(raw, address);
    step.when_equal = raw.mnemonic == ZYDIS_MNEMONIC_JZ;
    step.when_different = raw.mnemonic == ZYDIS_MNEMONIC_JNZ;
  }
  if (raw.operand_count_visible > 0) step.to = lower(operands[0], raw, address);
  if (raw.operand_count_visible > 1) step.from = lower(operands[1], raw, address);
  for (int i = 0; i < raw.operand_count_visible; i++)
    if (operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER && is_second_byte(operands[i].reg.value)) step.op = Op::kOther;
  for (int i = 0; i < raw.operand_count; i++) {
    bool written = operands[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    if (!written || operands[i].type != ZYDIS_OPERAND_TYPE_REGISTER) continue;
    uint8_t number = register_number(operands[i].reg.value);
    if (number != kNoRegister) step.written = static_cast<uint16_t>(step.written | 1u << number);
  }
  return step;
}

}  // namespace libguard
