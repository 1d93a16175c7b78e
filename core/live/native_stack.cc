// SPDX-License-Identifier: Apache-2.0
// Follows unwinding rules through the memory of another process.
//
// Way:     see native_stack.h.
// Thread:  see native_stack.h.
// Failure: see native_stack.h.
#include "core/live/native_stack.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "core/backend/notify/native_map.h"
#include "core/backend/notify/proc.h"

namespace libguard {
namespace {

constexpr size_t kWindow = 32 * 1024, kPage = 4096, kMostFrames = 512;
constexpr uint64_t kSearched = 16 * 1024;  // bytes of a frame in which its return address is looked for
constexpr size_t kCallBytes = 7;

class Walker {
 public:
  Walker(AddressSpace& space, ProcessMemory& memory) : space_(space), memory_(memory) {}
  NativeStack walk(uint64_t pc, uint64_t sp);
  bool met_unmapped() const { return unmapped_; }  // an address where nothing is known to be mapped

 private:
  void read_window(uint64_t sp);
  std::optional<uint64_t> word(uint64_t address);
  std::optional<uint64_t> search(const UnwindRow& row, const CodePlace& place, uint64_t from);
  bool returns_from_signal(uint64_t address);
  bool leads_to(uint64_t return_address, const CodePlace& place, uint64_t function, bool* surely);

  AddressSpace& space_;
  ProcessMemory& memory_;
  uint64_t base_ = 0;
  std::vector<uint8_t> window_;
  bool unmapped_ = false;
};

void Walker::read_window(uint64_t sp) {
  base_ = sp & ~uint64_t{7};
  window_.resize(kWindow);
  iovec to[kWindow / kPage + 1], from[kWindow / kPage + 1];
  size_t pieces = 0, wanted = 0;
  while (wanted < kWindow) {  // page by page: the stack may end sooner than the window
    size_t size = std::min(kPage - (base_ + wanted) % kPage, kWindow - wanted);
    to[pieces] = {window_.data() + wanted, size};
    from[pieces++] = {reinterpret_cast<void*>(base_ + wanted), size};
    wanted += size;
  }
  window_.resize(memory_.read_batch(to, from, pieces));
}

std::optional<uint64_t> Walker::word(uint64_t address) {
  uint64_t value;
  if (address >= base_ && address - base_ + 8 <= window_.size()) {
    std::memcpy(&value, window_.data() + (address - base_), sizeof value);
    return value;
  }
  return memory_.read(address, &value) ? std::optional(value) : std::nullopt;
}

// Does a call that ends here lead to the function? `surely`: it names it; else it may (pointer, other file).
bool Walker::leads_to(uint64_t return_address, const CodePlace& place, uint64_t function, bool* surely) {
  auto caller = space_.code_at(return_address);
  if (!caller || caller->address < kCallBytes) return false;
  Bytes bytes = caller->file->image.at(caller->address - kCallBytes);
  if (bytes.size() < kCallBytes || !ends_in_call(bytes.data())) return false;
  int32_t offset;
  std::memcpy(&offset, bytes.data() + 3, sizeof offset);
  const uint64_t target = caller->address + static_cast<uint64_t>(int64_t{offset});
  const bool direct = bytes[2] == 0xe8;
  *surely = direct && caller->file == place.file && target == function;
  if (*surely) return true;
  return !direct || caller->file->image.is_plt(target) || !caller->file->rules.is_function(target);
}

// Where the return address of a frame stands whose place is not known; answers the address behind it.
std::optional<uint64_t> Walker::search(const UnwindRow& row, const CodePlace& place, uint64_t from) {
  std::optional<uint64_t> perhaps;
  for (uint64_t at = (from + 7) & ~uint64_t{7}; at < from + kSearched; at += 8) {
    auto value = word(at);
    if (!value) break;
    bool surely = false;
    if (!leads_to(*value, place, row.function.begin, &surely)) continue;
    if (surely) return at + 8;
    if (!perhaps) perhaps = at + 8;
  }
  return perhaps;
}

// A handler "returns" to the first instruction of the function that ends it.
bool Walker::returns_from_signal(uint64_t address) {
  auto place = space_.code_at(address);
  const UnwindRow* row =
      place && place->file->rules.is_function(place->address) ? place->file->row_at(place->address) : nullptr;
  return row != nullptr && row->signal_frame;
}

NativeStack Walker::walk(uint64_t pc, uint64_t sp) {
  NativeStack stack;
  stack.stack_pointer = sp;
  read_window(sp);
  ReadWord read = [this](uint64_t address) { return word(address); };
  RegisterValues values;
  values[kDwarfRsp] = sp;
  values[kDwarfReturn] = pc;
  bool exact = true;  // innermost, or interrupted by a signal: the address is that of the next instruction
  while (stack.frames.size() < kMostFrames) {
    const uint64_t address = *values[kDwarfReturn];
    exact = exact || returns_from_signal(address);
    auto place = space_.code_at(exact ? address : address - 1);
    unmapped_ = unmapped_ || space_.mapping_of(address) == nullptr;
    const UnwindRow* row = place ? place->file->row_at(place->address) : nullptr;
    if (row == nullptr) return stack;
    auto cfa = row->cfa(values, read);
    if (!cfa && row->cfa_expression.empty()) {
      cfa = search(*row, *place, *values[kDwarfRsp]);
      if (cfa && row->cfa_register < kDwarfRegisters)
        values[static_cast<size_t>(row->cfa_register)] = *cfa - static_cast<uint64_t>(row->cfa_offset);
    }
    stack.frames.push_back({place->file, place->address + (exact ? 0 : 1), row->function.begin, cfa.value_or(0)});
    if (row->registers[kDwarfReturn].kind == RegisterRule::Kind::kUndefined) {
      stack.whole = true;
      return stack;
    }
    if (!cfa) return stack;
    RegisterValues outer = row->caller(*cfa, values, read);
    if (!outer[kDwarfReturn] || !outer[kDwarfRsp]) return stack;
    if (*outer[kDwarfReturn] == 0) {
      stack.whole = true;
      return stack;
    }
    if (!row->signal_frame && *outer[kDwarfRsp] <= *values[kDwarfRsp]) return stack;  // a stack only grows
    exact = row->signal_frame;
    values = outer;
  }
  return stack;
}

}  // namespace

std::string function_name(const NativeFrame& frame) {
  std::string_view best;
  auto rank = [](std::string_view name) { return std::pair(name.find_first_not_of('_'), name.size()); };
  for (const NamedRange& named : frame.file->image.functions) {
    if (named.range.begin != frame.function || named.name.empty()) continue;
    if (best.empty() || rank(named.name) < rank(best)) best = named.name;
  }
  if (!best.empty()) return std::string(best);
  char text[32];
  std::snprintf(text, sizeof text, "sub_%llx", static_cast<unsigned long long>(frame.function));
  return text;
}

NativeStack read_native_stack(pid_t tid, AddressSpace& space, ProcessMemory& memory) {
  Position position;
  if (!read_position(tid, &position) || position.pc == 0) return {};
  Walker walker(space, memory);
  NativeStack stack = walker.walk(position.pc, position.sp);
  if (!stack.whole && walker.met_unmapped() && space.refresh()) {  // code that was mapped meanwhile
    NativeStack again = walker.walk(position.pc, position.sp);
    if (again.frames.size() > stack.frames.size()) return again;
  }
  return stack;
}

}  // namespace libguard
