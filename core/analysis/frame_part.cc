// SPDX-License-Identifier: Apache-2.0
// Follows the paths of one function from an address: branches, jump tables, landing pads, calls that never return.
//
// Way:     see frame_part.h.
// Thread:  see frame_part.h.
// Failure: see frame_part.h.
#include "core/analysis/frame_part.h"

#include <elf.h>

#include "core/analysis/dwarf_cursor.h"

namespace libguard {
namespace {

using Kind = Instruction::Kind;
constexpr uint64_t kMostTableEntries = 4096;

}  // namespace

FrameParts::FrameParts(const ElfImage& image) : image_(image), scan_(image) {
  scan_.find_functions();
  FrameTable table = read_eh_frame(image);
  for (size_t i = 0; i < table.functions.size(); i++)
    if (table.programs[i].handlers != 0) handlers_[table.functions[i].begin] = table.programs[i].handlers;
}

const FramePart& FrameParts::at(uint64_t address) {
  auto known = parts_.find(address);
  return known != parts_.end() ? known->second : parts_.emplace(address, part(address)).first->second;
}

FramePart FrameParts::part(uint64_t address) {
  FramePart part;
  size_t index = scan_.find(address);
  // A call that the compiler knows not to return may be the function's last instruction.
  if (index == CodeScan::kNoFunction) index = scan_.find(address - 1);
  if (index == CodeScan::kNoFunction) return part;
  part.found = true;
  const ScannedFunction& function = scan_.functions[index];
  if (function.range.contains(address)) follow(function, address, part);
  part.contribution = scan_.scan_part(index, part.left);
  return part;
}

void FrameParts::take_whole(const ScannedFunction& function, FramePart& part) const {
  part.returns = true;
  part.again = true;
  for_each_instruction(image_, decoder_, function.range, [&](const Instruction& instruction) {
    part.left.insert(instruction.address);
    return true;
  });
}

void FrameParts::follow(const ScannedFunction& function, uint64_t address, FramePart& part) {
  work_ = {address};
  while (!work_.empty()) {
    uint64_t at = work_.back();
    work_.pop_back();
    while (function.range.contains(at) && part.left.insert(at).second) {
      auto instruction = decoder_.decode(image_.at(at), at);
      if (!instruction) return take_whole(function, part);
      if (instruction->kind == Kind::kCall && instruction->next() == address) part.again = true;
      if (instruction->kind == Kind::kJump && !instruction->direct && !instruction->place) {
        std::vector<uint64_t> targets = table_targets(function);
        if (targets.empty()) return take_whole(function, part);
        work_.insert(work_.end(), targets.begin(), targets.end());
        part.returns = part.returns || !(instruction->scaled_table || instruction->register_operand);
      }
      step(function, *instruction, part);
      if (instruction->ends_path()) break;
      if (instruction->kind == Kind::kCall && never_returns(*instruction)) break;
      at = instruction->next();
    }
    if (at == function.range.end) part.returns = true;  // runs on into what follows
  }
}

void FrameParts::step(const ScannedFunction& function, const Instruction& instruction, FramePart& part) {
  const bool jumps = instruction.kind == Kind::kJump || instruction.kind == Kind::kBranch;
  if (instruction.kind == Kind::kReturn) part.returns = true;
  if (instruction.kind == Kind::kCall)
    for (uint64_t pad : landing_pads(function, instruction.address)) work_.push_back(pad);
  if (jumps && instruction.direct && function.range.contains(instruction.target)) {
    work_.push_back(instruction.target);
  } else if (jumps && (instruction.direct || instruction.place)) {  // a tail call
    part.returns = part.returns || !never_returns(instruction);
  }
}

bool FrameParts::never_returns(const Instruction& call) {
  if (call.direct) return scan_.never_returns(call.target);
  const ElfRelocation* slot = call.place ? scan_.relocation_at(*call.place) : nullptr;
  return slot != nullptr && slot->symbol != 0 && slot->symbol < image_.symbols.size() &&
         scan_.symbol_never_returns(image_.symbols[slot->symbol].name);
}

// All tables of the function: rows of offsets from their own address, or of addresses, that lead into it.
std::vector<uint64_t> FrameParts::table_targets(const ScannedFunction& function) const {
  std::set<uint64_t> targets;
  for_each_instruction(image_, decoder_, function.range, [&](const Instruction& instruction) {
    const bool forms = instruction.kind == Kind::kLoadAddress && instruction.place;
    for (uint64_t i = 0; forms && i < kMostTableEntries; i++) {
      auto offset = image_.read<int32_t>(*instruction.place + 4 * i);
      uint64_t target = *instruction.place + static_cast<uint64_t>(int64_t{offset.value_or(0)});
      if (!offset || *offset == 0 || !function.range.contains(target)) break;
      targets.insert(target);
    }
    for (uint64_t table : instruction.absolute) {
      for (uint64_t i = 0; instruction.scaled_table && table != 0 && i < kMostTableEntries; i++) {
        auto target = image_.read<uint64_t>(table + 8 * i);
        if (!target || !function.range.contains(*target)) break;
        targets.insert(*target);
      }
    }
    return true;
  });
  return {targets.begin(), targets.end()};
}

// Where an exception thrown by this call is caught or passed through.
std::vector<uint64_t> FrameParts::landing_pads(const ScannedFunction& function, uint64_t call) const {
  auto table = handlers_.find(function.range.begin);
  if (table == handlers_.end()) return {};
  DwarfCursor head(image_.at(table->second), table->second);
  uint8_t start_encoding = head.take<uint8_t>();
  uint64_t start = start_encoding == kPointerOmitted ? function.range.begin : head.take_pointer(start_encoding);
  if (head.take<uint8_t>() != kPointerOmitted) head.take_leb();  // types
  uint8_t encoding = head.take<uint8_t>();
  DwarfCursor sites = head.part(head.take_leb());
  std::vector<uint64_t> pads;
  while (sites.left() != 0 && sites.good()) {
    uint64_t begin = function.range.begin + sites.take_pointer(encoding);
    uint64_t length = sites.take_pointer(encoding), pad = sites.take_pointer(encoding);
    sites.take_leb();  // action
    if (sites.good() && pad != 0 && call >= begin && call - begin < length) pads.push_back(start + pad);
  }
  return pads;
}

}  // namespace libguard
