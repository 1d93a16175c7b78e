// SPDX-License-Identifier: Apache-2.0
// Where functions are: frames, symbols, Go's table, and the gaps between them.
//
// Way:     see code_scan.h.
// Thread:  see code_scan.h.
// Failure: see code_scan.h.
#include <elf.h>

#include <algorithm>
#include <set>

#include "core/analysis/code_scan.h"
#include "core/analysis/eh_frame.h"

namespace libguard {
namespace {

using Source = ScannedFunction::Source;
using Kind = Instruction::Kind;

constexpr uint64_t kLargestBeforeGap = 65536;  // a function whose frame ends too early is hand-written and small
constexpr int kMostSplits = 6;

ScannedFunction make(AddressRange range, Source source) {
  ScannedFunction function;
  function.range = range;
  function.source = source;
  return function;
}

// Frames win over symbols at the same place, longer ranges over shorter ones; what overlaps is cut or left out.
std::vector<ScannedFunction> without_overlaps(std::vector<ScannedFunction> all, const ElfImage& image) {
  std::sort(all.begin(), all.end(), [](const ScannedFunction& a, const ScannedFunction& b) {
    if (a.range.begin != b.range.begin) return a.range.begin < b.range.begin;
    return a.source != b.source ? a.source < b.source : a.range.end > b.range.end;
  });
  auto end_of_code = [&](uint64_t address) {
    for (const AddressRange& part : image.code)
      if (part.contains(address)) return part.end;
    return UINT64_MAX;
  };
  std::vector<ScannedFunction> kept;
  uint64_t end = 0;
  for (ScannedFunction& function : all) {
    function.range.end = std::min(function.range.end, end_of_code(function.range.begin));
    if (image.is_plt(function.range.begin)) continue;
    if (!kept.empty() && function.range.begin == kept.back().range.begin) continue;
    if (function.range.begin < end) {
      if (function.source != Source::kFrame || kept.back().source == Source::kFrame) continue;
      kept.back().range.end = function.range.begin;
    }
    end = function.range.end;
    kept.push_back(std::move(function));
  }
  for (size_t i = 0; i < kept.size(); i++) {  // symbols without a size reach to the next one
    AddressRange& range = kept[i].range;
    if (range.end > range.begin) continue;
    kept[i].source = Source::kGap;  // hand-written code: what comes behind it may be called by itself
    range.end = i + 1 < kept.size() ? kept[i + 1].range.begin : UINT64_MAX;
    range.end = std::min(range.end, end_of_code(range.begin));
  }
  return kept;
}

bool is_padding_byte(uint8_t byte) { return byte == 0 || byte == 0xcc; }

}  // namespace

void CodeScan::find_functions() {
  std::vector<ScannedFunction> all;
  FrameTable table = read_eh_frame(image);
  frames = table.functions.size();
  frames_broken = table.broken;
  for (AddressRange range : table.functions) all.push_back(make(range, Source::kFrame));
  for (const NamedRange& named : image.functions) all.push_back(make(named.range, Source::kSymbol));
  if (image.go)
    for (AddressRange range : read_go_functions(image)) all.push_back(make(range, Source::kGo));
  functions = without_overlaps(std::move(all), image);
  for (uint64_t routine : table.personalities) personality_targets.push_back({0, routine});
  for (uint64_t slot : table.personality_slots)
    if (auto target = slot_target(slot)) personality_targets.push_back(*target);
  std::sort(personality_targets.begin(), personality_targets.end());
  personality_targets.erase(std::unique(personality_targets.begin(), personality_targets.end()),
                            personality_targets.end());
  find_gaps();
}

void CodeScan::find_gaps() {
  std::vector<std::pair<AddressRange, size_t>> gaps;  // and the function in front
  size_t next = 0;
  for (const AddressRange& part : image.code) {
    if (image.is_plt(part.begin)) continue;
    uint64_t covered = part.begin;
    while (next < functions.size() && functions[next].range.end <= part.begin) next++;
    for (; next < functions.size() && functions[next].range.begin < part.end; next++) {
      if (functions[next].range.begin > covered) gaps.push_back({{covered, functions[next].range.begin}, next - 1});
      covered = std::max(covered, functions[next].range.end);
    }
    if (covered < part.end) gaps.push_back({{covered, part.end}, next - 1});
  }
  for (const auto& [gap, before] : gaps) add_gap(gap, before);
  std::sort(functions.begin(), functions.end(),
            [](const ScannedFunction& a, const ScannedFunction& b) { return a.range.begin < b.range.begin; });
}

// Padding is no code; a function that runs on into the gap gets it (clone: its frame ends before the system call).
void CodeScan::add_gap(AddressRange gap, size_t before) {
  Bytes bytes = image.at(gap.begin);
  bytes = bytes.subspan(0, std::min<uint64_t>(bytes.size(), gap.end - gap.begin));
  size_t offset = 0;
  while (offset < bytes.size()) {
    if (is_padding_byte(bytes[offset])) {
      offset++;
      continue;
    }
    auto instruction = decoder_.decode(bytes.subspan(offset), gap.begin + offset);
    if (!instruction || instruction->kind != Kind::kPadding) break;
    offset += instruction->length;
  }
  if (offset >= bytes.size()) return;
  bool adjacent = before < functions.size() && functions[before].range.end == gap.begin;
  if (offset == 0 && adjacent && continues_into(functions[before]))
    functions[before].range.end = gap.end;
  else
    functions.push_back(make({gap.begin + offset, gap.begin + bytes.size()}, Source::kGap));
}

bool CodeScan::continues_into(const ScannedFunction& before) const {
  if (before.range.end - before.range.begin >= kLargestBeforeGap) return false;
  bool ended = true;
  for_each_instruction(image, decoder_, before.range, [&](const Instruction& last) {
    ended = last.ends_path() || last.kind == Kind::kCall || last.kind == Kind::kPadding;
    return true;
  });
  return !ended;
}

// What is called, jumped to or pointed at inside a gap begins a function there.
void CodeScan::split_gaps() {
  for (int round = 0; round < kMostSplits; round++) {
    std::set<uint64_t> cuts;
    auto look = [&](uint64_t address) {
      size_t found = find(address);
      if (found == kNoFunction || functions[found].source != Source::kGap) return;
      if (functions[found].range.begin != address) cuts.insert(address);
    };
    for (uint64_t target : gap_targets_) look(target);
    for (const ScannedFunction& function : functions)
      for (const CodeTarget& target : function.code_references)
        if (target.symbol == 0) look(target.address);
    for (const DataPointer& pointer : pointers)
      if (pointer.target.symbol == 0) look(pointer.target.address);
    look(image.entry);
    if (cuts.empty()) return;
    std::vector<ScannedFunction> split;
    gap_targets_.clear();
    for (ScannedFunction& function : functions) {
      auto first = cuts.upper_bound(function.range.begin), last = cuts.lower_bound(function.range.end);
      if (function.source != Source::kGap || first == last) {
        split.push_back(std::move(function));
        continue;
      }
      uint64_t begin = function.range.begin;
      for (auto cut = first; cut != last; ++cut) {
        split.push_back(make({begin, *cut}, Source::kGap));
        begin = *cut;
      }
      split.push_back(make({begin, function.range.end}, Source::kGap));
    }
    functions.swap(split);
    for (ScannedFunction& function : functions)
      if (!function.scanned) scan(function);
  }
}

// A piece of a gap that does not end runs on into the next piece.
void CodeScan::join_split_gaps() {
  for (size_t i = 0; i + 1 < functions.size(); i++) {
    ScannedFunction& piece = functions[i];
    if (piece.source != Source::kGap || piece.range.end != functions[i + 1].range.begin) continue;
    bool any = false, ended = false;
    for_each_instruction(image, decoder_, piece.range, [&](const Instruction& last) {
      if (last.kind == Kind::kPadding) return true;
      any = true;
      ended = last.ends_path();
      return true;
    });
    if (any && !ended) piece.edges.push_back({piece.range.end - 1, {0, functions[i + 1].range.begin}, true});
  }
}

size_t CodeScan::find(uint64_t address) const {
  auto after = std::upper_bound(functions.begin(), functions.end(), address,
                                [](uint64_t a, const ScannedFunction& f) { return a < f.range.begin; });
  if (after == functions.begin() || !std::prev(after)->range.contains(address)) return kNoFunction;
  return static_cast<size_t>(std::prev(after) - functions.begin());
}

}  // namespace libguard
