// SPDX-License-Identifier: Apache-2.0
// One machine instruction, as far as calls, references and system-call numbers need it.
//
// Way:     image -> functions -> *instructions* -> summary.
// Thread:  a Decoder is used by one thread at a time.
// Failure: bytes that are no instruction: no value; the caller goes on one byte further.
//
// Two views: Instruction is cheap (no operands; every byte of code passes through it); Step is what the
// interpretation of values needs, for the few functions that make system calls.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/analysis/elf_image.h"

struct ZydisDecoder_;

namespace libguard {

// Registers are numbered as in the encoding: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15.
enum Register : uint8_t {
  kRax,
  kRcx,
  kRdx,
  kRbx,
  kRsp,
  kRbp,
  kRsi,
  kRdi,
  kR8,
  kR9,
  kR10,
  kR11,
  kR15 = 15,
  kNoRegister = 255
};
inline constexpr int kRegisters = 16;

struct Instruction {
  enum class Kind : uint8_t { kOther, kCall, kJump, kBranch, kReturn, kStop, kSystemCall, kLoadAddress, kPadding };
  uint64_t address = 0;
  uint8_t length = 0;
  Kind kind = Kind::kOther;
  bool direct = false;            // call, jump, branch: to `target`
  bool signed_extension = false;  // movsxd: part of a jump table
  bool register_operand = false;  // jmp reg
  bool scaled_table = false;      // jmp [reg*8 + table]
  bool vector = false;            // touches up to 64 bytes
  uint64_t target = 0;
  std::optional<uint64_t> place;       // address formed from the instruction pointer
  std::array<uint64_t, 3> absolute{};  // 32-bit numbers that may be addresses in a program at a fixed place
  uint64_t next() const { return address + length; }
  bool ends_path() const { return kind == Kind::kJump || kind == Kind::kReturn || kind == Kind::kStop; }
};

struct Operand {
  enum class Kind : uint8_t { kNone, kRegister, kNumber, kMemory };
  Kind kind = Kind::kNone;
  uint8_t base = kNoRegister, index = kNoRegister, scale = 0;
  uint16_t bits = 0;   // 8: the lowest byte
  int64_t number = 0;  // immediate, or displacement; memory relative to the instruction pointer has no base
  bool is_register(Register r) const { return kind == Kind::kRegister && base == r; }
};

struct Step {
  enum class Op : uint8_t {
    kOther,
    kNothing,
    kMove,
    kLoadAddress,
    kXor,
    kAdd,
    kSubtract,
    kAnd,
    kOr,
    kNegate,
    kNot,
    kBorrow,
    kPush,
    kPop,
    kLeave,
    kExchange,
    kSystemCall,
    kCompare,
    kTest,
    kSetBit,
    kChoose,
  };
  uint64_t address = 0;
  uint8_t length = 0;
  Op op = Op::kOther;
  Instruction::Kind flow = Instruction::Kind::kOther;
  bool direct = false, when_equal = false, when_different = false;
  uint16_t written = 0;  // registers an unknown operation changes
  uint64_t target = 0;
  Operand to, from;
  uint64_t next() const { return address + length; }
};

class Decoder {
 public:
  Decoder();
  ~Decoder();
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  std::optional<Instruction> decode(Bytes bytes, uint64_t address) const;
  std::optional<Step> decode_step(Bytes bytes, uint64_t address) const;

 private:
  std::unique_ptr<ZydisDecoder_> decoder_;
};

// Calls visit(instruction) for each one of the range; one byte is left out where there is none.
template <class Visit>
uint64_t for_each_instruction(const ElfImage& image, const Decoder& decoder, AddressRange range, Visit visit) {
  Bytes bytes = image.at(range.begin);
  if (bytes.size() > range.end - range.begin) bytes = bytes.subspan(0, range.end - range.begin);
  uint64_t undecodable = 0;
  for (size_t offset = 0; offset < bytes.size();) {
    auto instruction = decoder.decode(bytes.subspan(offset), range.begin + offset);
    if (!instruction) {
      undecodable++;
      offset++;
      continue;
    }
    if (!visit(*instruction)) break;
    offset += instruction->length;
  }
  return undecodable;
}

}  // namespace libguard
