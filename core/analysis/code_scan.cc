// SPDX-License-Identifier: Apache-2.0
// One linear pass over each function: calls, tail calls, address-taken functions, data references.
//
// Way:     see code_scan.h.
// Thread:  see code_scan.h.
// Failure: see code_scan.h.
#include "core/analysis/code_scan.h"

#include <elf.h>

#include <algorithm>
#include <set>

namespace libguard {
namespace {

using Kind = Instruction::Kind;

constexpr uint64_t kLargestNeverReturning = 4096;
constexpr int kDeepestNeverReturning = 6;
constexpr int kTableDistance = 8, kAddressDistance = 16;  // instructions between a table's address and its jump
constexpr uint32_t kWord = 8, kVector = 64;

bool binds_directly(const ElfRelocation& relocation) {
  return relocation.type == R_X86_64_JUMP_SLOT || relocation.type == R_X86_64_GLOB_DAT;
}

bool is_relative(const ElfRelocation& relocation) {
  return relocation.type == R_X86_64_RELATIVE || relocation.type == R_X86_64_IRELATIVE;
}

template <class T>
void sort_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

CodeScan::CodeScan(const ElfImage& from) : image(from) {
  slots_.reserve(image.relocations.size());
  for (uint32_t i = 0; i < image.relocations.size(); i++) slots_[image.relocations[i].place] = i;
  for (const ElfSymbol& symbol : image.symbols)
    if (symbol.defined && symbol.is_function()) exported_at_.emplace(symbol.value, symbol.name);
  for (const NamedRange& named : image.functions) exported_at_.emplace(named.range.begin, named.name);
}

void CodeScan::run() {
  find_pointers();
  find_functions();
  for (ScannedFunction& function : functions) scan(function);
  split_gaps();
  join_split_gaps();
  for (ScannedFunction& function : functions) {
    sort_unique(function.code_references);
    sort_unique(function.data_references);
  }
}

const ElfRelocation* CodeScan::relocation_at(uint64_t slot) const {
  auto found = slots_.find(slot);
  return found == slots_.end() ? nullptr : &image.relocations[found->second];
}

std::optional<CodeTarget> CodeScan::slot_target(uint64_t slot) const {
  const ElfRelocation* relocation = relocation_at(slot);
  if (relocation == nullptr) return std::nullopt;
  if (relocation->symbol != 0) return CodeTarget{relocation->symbol, 0};
  if (is_relative(*relocation)) return CodeTarget{0, static_cast<uint64_t>(relocation->addend)};
  return std::nullopt;
}

std::optional<CodeTarget> CodeScan::stub_target(uint64_t address) const {
  constexpr uint8_t kEndBranch[] = {0xf3, 0x0f, 0x1e, 0xfa};
  Bytes bytes = image.at(address);
  uint64_t here = address;
  auto skip = [&](size_t count) {
    bytes = bytes.subspan(count);
    here += count;
  };
  if (bytes.size() >= 4 && std::equal(kEndBranch, kEndBranch + 4, bytes.begin())) skip(4);
  if (!bytes.empty() && bytes[0] == 0xf2) skip(1);
  if (bytes.size() < 6 || bytes[0] != 0xff || bytes[1] != 0x25) return std::nullopt;
  int32_t offset;
  std::memcpy(&offset, bytes.data() + 2, sizeof offset);
  return slot_target(here + 6 + static_cast<uint64_t>(int64_t{offset}));
}

void CodeScan::find_pointers() {
  for (const ElfRelocation& relocation : image.relocations) {
    uint64_t addend = static_cast<uint64_t>(relocation.addend);
    if (is_relative(relocation)) pointers.push_back({relocation.place, {0, addend}});
    if (relocation.type == R_X86_64_64 && relocation.symbol != 0)
      pointers.push_back({relocation.place, {relocation.symbol, addend}});
  }
  if (!image.position_independent) find_words_that_point();
  std::sort(pointers.begin(), pointers.end(),
            [](const DataPointer& a, const DataPointer& b) { return a.slot < b.slot; });
}

// A program at a fixed place has no relocations for its own pointers: every word that could be one is one.
void CodeScan::find_words_that_point() {
  for (const ElfSegment& segment : image.segments) {
    if (segment.executable) continue;
    Bytes bytes = image.at(segment.memory.begin);
    for (uint64_t offset = (8 - segment.memory.begin % 8) % 8; offset + 8 <= bytes.size(); offset += 8) {
      uint64_t word, slot = segment.memory.begin + offset;
      std::memcpy(&word, bytes.data() + offset, sizeof word);
      if (word < image.lowest || word >= image.highest || slots_.count(slot) || !image.is_mapped(word)) continue;
      if (image.is_code(word) || word % 8 == 0) pointers.push_back({slot, {0, word}});
    }
  }
}

void CodeScan::refer(ScannedFunction& function, uint64_t address, bool formed, uint32_t length) {
  const ElfRelocation* relocation = formed ? nullptr : relocation_at(address);
  if (relocation != nullptr && relocation->symbol < image.symbols.size() && relocation->symbol != 0 &&
      (binds_directly(*relocation) || relocation->type == R_X86_64_64)) {
    const ElfSymbol& symbol = image.symbols[relocation->symbol];
    uint64_t addend = relocation->type == R_X86_64_64 ? static_cast<uint64_t>(relocation->addend) : 0;
    bool unsaid = symbol.type == STT_NOTYPE && !symbol.defined;  // function or data: nobody knows
    if (symbol.is_function() || unsaid) function.code_references.push_back({relocation->symbol, addend});
    if (!symbol.is_function()) function.data_references.push_back({{relocation->symbol, addend}, 0});
    return;
  }
  if (image.is_code(address)) {
    bool inside = address > function.range.begin && address < function.range.end;
    if (!formed || inside) return;
    auto stub = image.is_plt(address) ? stub_target(address) : std::nullopt;
    function.code_references.push_back(stub ? *stub : CodeTarget{0, address});
    return;
  }
  if (image.is_mapped(address)) function.data_references.push_back({{0, address}, formed ? 0 : length});
}

// call/jmp through a slot that the loader binds once and for all.
bool CodeScan::scan_bound_slot(ScannedFunction& function, const Instruction& instruction, bool tail) {
  const ElfRelocation* relocation = instruction.place ? relocation_at(*instruction.place) : nullptr;
  if (relocation == nullptr) return false;
  bool constant = image.is_relro(relocation->place);
  if (relocation->symbol != 0 && (constant || binds_directly(*relocation))) {
    function.edges.push_back({instruction.address, {relocation->symbol, 0}, tail});
    return true;
  }
  if (!is_relative(*relocation) || !constant) return false;
  function.edges.push_back({instruction.address, {0, static_cast<uint64_t>(relocation->addend)}, tail});
  return true;
}

void CodeScan::scan_call(ScannedFunction& function, const Instruction& instruction) {
  if (instruction.direct) {
    if (instruction.target == instruction.next()) return;  // reads its own address
    auto stub = stub_target(instruction.target);
    bool inside = instruction.target > function.range.begin && instruction.target < function.range.end;
    if (stub)
      function.edges.push_back({instruction.address, *stub, false});
    else if (!inside)
      function.edges.push_back({instruction.address, {0, instruction.target}, false});
    gap_targets_.push_back(instruction.target);
    return;
  }
  if (scan_bound_slot(function, instruction, false)) return;
  function.indirect_calls.push_back(instruction.address);
  if (instruction.place) refer(function, *instruction.place, false, kWord);
}

void CodeScan::scan_jump(ScannedFunction& function, const Instruction& instruction, bool looks_like_table) {
  if (instruction.direct) {
    if (function.range.contains(instruction.target)) return;
    auto stub = stub_target(instruction.target);
    function.edges.push_back({instruction.address, stub ? *stub : CodeTarget{0, instruction.target}, true});
    gap_targets_.push_back(instruction.target);
    return;
  }
  if (instruction.place) {
    if (scan_bound_slot(function, instruction, true)) return;
    function.indirect_calls.push_back(instruction.address);
    refer(function, *instruction.place, false, kWord);
    return;
  }
  bool table = instruction.scaled_table || (instruction.register_operand && looks_like_table);
  if (!table) function.indirect_calls.push_back(instruction.address);
}

void CodeScan::scan(ScannedFunction& function, const std::set<uint64_t>* only) {
  function.scanned = true;
  int since_extension = kTableDistance + 1, since_address = kAddressDistance + 1;
  undecodable += for_each_instruction(image, decoder_, function.range, [&](const Instruction& instruction) {
    since_extension++, since_address++;
    bool forms = instruction.kind == Kind::kLoadAddress && instruction.place;
    if (forms && *instruction.place > function.range.begin && *instruction.place < function.range.end)
      since_address = 0;
    if (instruction.signed_extension) since_extension = 0;
    bool table = since_extension <= kTableDistance || since_address <= kAddressDistance;
    if (only != nullptr && only->count(instruction.address) == 0) return true;
    if (instruction.kind == Kind::kSystemCall)
      function.system_calls.push_back(instruction.address);
    else if (instruction.kind == Kind::kCall)
      scan_call(function, instruction);
    else if (instruction.kind == Kind::kJump || instruction.kind == Kind::kBranch)
      scan_jump(function, instruction, table);
    else if (instruction.place)
      refer(function, *instruction.place, instruction.kind == Kind::kLoadAddress, instruction.vector ? kVector : kWord);
    if (image.position_independent) return true;
    for (size_t i = 0; i < instruction.absolute.size(); i++) {
      uint64_t number = instruction.absolute[i];
      bool displacement = i == 2;  // of code addresses, only numbers are pointers
      if (number >= image.lowest && number < image.highest && image.is_mapped(number) &&
          !(displacement && image.is_code(number)))
        refer(function, number, true, 0);
    }
    return true;
  });
}

ScannedFunction CodeScan::scan_part(size_t function, const std::set<uint64_t>& only) {
  ScannedFunction part;
  part.range = functions[function].range;
  scan(part, &only);
  return part;
}

bool CodeScan::symbol_never_returns(std::string_view name) const {
  static const std::set<std::string_view> kNames = {"abort",
                                                    "exit",
                                                    "_exit",
                                                    "_Exit",
                                                    "quick_exit",
                                                    "pthread_exit",
                                                    "thrd_exit",
                                                    "__stack_chk_fail",
                                                    "__assert_fail",
                                                    "__assert",
                                                    "__assert_perror_fail",
                                                    "__fortify_fail",
                                                    "__chk_fail",
                                                    "__libc_fatal",
                                                    "longjmp",
                                                    "siglongjmp",
                                                    "_longjmp",
                                                    "__longjmp_chk",
                                                    "__cxa_throw",
                                                    "__cxa_rethrow",
                                                    "__cxa_bad_cast",
                                                    "_Unwind_Resume",
                                                    "_ZSt9terminatev"};
  return kNames.count(name) != 0;
}

// Follows every path of a small function; if none returns or leaves it, it does not return.
bool CodeScan::never_returns(uint64_t address, int depth) {
  auto known = never_returns_.find(address);
  if (known != never_returns_.end()) return known->second;
  if (depth > kDeepestNeverReturning || !image.is_code(address)) return false;
  bool& answer = never_returns_[address];  // false while it is being found out: recursion returns
  if (auto stub = stub_target(address); stub && stub->symbol < image.symbols.size())
    return answer = stub->symbol != 0 && symbol_never_returns(image.symbols[stub->symbol].name);
  auto name = exported_at_.find(address);
  if (name != exported_at_.end() && symbol_never_returns(name->second)) return answer = true;
  size_t index = find(address);
  if (index == kNoFunction) return false;
  AddressRange range = functions[index].range;
  if (range.end - range.begin > kLargestNeverReturning) return false;
  std::set<uint64_t> seen;
  std::vector<uint64_t> work = {address};
  bool returns = false;
  auto leave_to = [&](uint64_t target) {
    if (range.contains(target))
      work.push_back(target);
    else
      returns |= !never_returns(target, depth + 1);
  };
  while (!work.empty() && !returns) {
    uint64_t at = work.back();
    work.pop_back();
    while (!returns && seen.insert(at).second) {
      auto step = range.contains(at) ? decoder_.decode(image.at(at), at) : std::nullopt;
      returns |= !step || step->kind == Kind::kReturn || (step->kind == Kind::kJump && !step->direct);
      if (returns || step->kind == Kind::kStop) break;
      if (step->kind == Kind::kCall && step->direct && never_returns(step->target, depth + 1)) break;
      if ((step->kind == Kind::kBranch || step->kind == Kind::kJump) && step->direct) leave_to(step->target);
      if (step->kind == Kind::kJump) break;
      at = step->next();
    }
  }
  return never_returns_[address] = !returns;
}

}  // namespace libguard
