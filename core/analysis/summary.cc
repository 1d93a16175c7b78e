// SPDX-License-Identifier: Apache-2.0
// Makes a summary from a scan: tables, and the numbers of system calls by interpretation.
//
// Way:     see summary.h.
// Thread:  one summary per thread.
// Failure: see summary.h.
#include "core/analysis/summary.h"

#include <elf.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/analysis/code_scan.h"
#include "core/analysis/interpret.h"

namespace libguard {
namespace {

constexpr size_t kLongestName = 256;
constexpr uint64_t kReturnFromSignal = 15, kLargestRestorer = 16;

class SummaryMaker {
 public:
  SummaryMaker(const ElfImage& image, const std::vector<WrapperQuestion>& questions)
      : image_(image), scan_(image), interpreter_(image, [this](uint64_t a) { return scan_.never_returns(a); }) {
    out_.questions = questions;
  }
  Summary make();

 private:
  using Wrapper = std::pair<uint32_t, uint8_t>;  // function, register
  uint32_t add_text(std::string_view text);
  uint32_t reference(const CodeTarget& target) const;
  void add_symbols();
  void add_functions();
  void add_data();
  void add_starts();
  void add_array(AddressRange array, std::vector<uint32_t>& into);
  void add_bounds();
  void add_file_name(uint64_t address);
  void number_system_calls();
  void number_wrapper_calls();
  void ask(uint32_t function, const std::vector<uint64_t>& sites, uint8_t reg);
  void learn(uint32_t function, uint64_t site, uint8_t reg, const Value& value);
  void answer_questions();

  const ElfImage& image_;
  CodeScan scan_;
  Interpreter interpreter_;
  Summary out_;
  std::map<std::string, uint32_t, std::less<>> text_;
  std::vector<std::set<uint16_t>> calls_;
  std::vector<std::vector<SummaryUnresolved>> unresolved_;
  std::set<Wrapper> wrappers_;
  std::vector<Wrapper> work_;
  std::map<uint64_t, uint32_t> file_names_;
};

uint32_t SummaryMaker::add_text(std::string_view text) {
  if (text.empty()) return 0;
  auto found = text_.find(text);
  if (found != text_.end()) return found->second;
  uint32_t offset = static_cast<uint32_t>(out_.text.size());
  out_.text.append(text);
  out_.text.push_back('\0');
  text_.emplace(text, offset);
  return offset;
}

uint32_t SummaryMaker::reference(const CodeTarget& target) const {
  if (target.symbol != 0) return target.symbol | kSymbolBit;
  if (image_.is_plt(target.address)) {
    auto stub = scan_.stub_target(target.address);
    if (stub && (stub->symbol != 0 || !image_.is_plt(stub->address))) return reference(*stub);
    return kNoIndex;
  }
  size_t function = scan_.find(target.address);
  return function == CodeScan::kNoFunction ? kNoIndex : static_cast<uint32_t>(function);
}

void SummaryMaker::add_symbols() {
  for (const ElfSymbol& symbol : image_.symbols)
    out_.symbols.push_back({symbol.value, symbol.size, add_text(symbol.name), add_text(symbol.version), symbol.type,
                            symbol.bind, symbol.defined, symbol.hidden, 0});
}

void SummaryMaker::learn(uint32_t function, uint64_t site, uint8_t reg, const Value& value) {
  uint32_t offset = static_cast<uint32_t>(site - scan_.functions[function].range.begin);
  if (value.is_constant()) {
    for (int64_t number : value.numbers()) {
      uint32_t call = static_cast<uint32_t>(number);
      if (call < CallSet().size())
        calls_[function].insert(static_cast<uint16_t>(call));
      else
        unresolved_[function].push_back({offset, SummaryUnresolved::kUnknown});
    }
  } else if (value.is(Value::Kind::kParameter)) {
    (void)reg;
    Wrapper wrapper{function, value.parameter_register()};
    if (wrappers_.insert(wrapper).second) work_.push_back(wrapper);
  } else if (!value.is(Value::Kind::kNothing)) {
    bool loaded = value.is(Value::Kind::kLoaded);
    unresolved_[function].push_back({offset, loaded ? SummaryUnresolved::kLoaded : SummaryUnresolved::kUnknown});
  }
}

// Each site is judged by itself: two calls of one wrapper do not blur each other.
void SummaryMaker::ask(uint32_t function, const std::vector<uint64_t>& sites, uint8_t reg) {
  std::map<uint64_t, Value> found;
  interpreter_.run(scan_.functions[function].range, sites,
                   [&](uint64_t site, const State& state) { found[site].join(state.argument(reg)); });
  for (const auto& [site, value] : found) learn(function, site, reg, value);
}

void SummaryMaker::number_system_calls() {
  for (uint32_t i = 0; i < scan_.functions.size(); i++)
    if (!scan_.functions[i].system_calls.empty()) ask(i, scan_.functions[i].system_calls, kRax);
}

// A function whose number comes from its caller hands the question on to its callers in this file.
void SummaryMaker::number_wrapper_calls() {
  std::map<uint32_t, std::vector<std::pair<uint32_t, uint64_t>>> callers;
  for (uint32_t i = 0; i < scan_.functions.size(); i++) {
    for (const CodeEdge& edge : scan_.functions[i].edges) {
      uint32_t target = reference(edge.target);
      if (target & kSymbolBit) {  // its own export, called through the PLT
        const ElfSymbol& symbol = image_.symbols[target & kIndexMask];
        target = symbol.defined ? reference({0, symbol.value}) : kNoIndex;
      }
      if (target != kNoIndex) callers[target].push_back({i, edge.site});
    }
  }
  while (!work_.empty()) {
    auto [wrapper, reg] = work_.back();
    work_.pop_back();
    std::map<uint32_t, std::vector<uint64_t>> sites;
    for (auto [caller, site] : callers[wrapper]) sites[caller].push_back(site);
    for (auto& [caller, list] : sites) {
      std::sort(list.begin(), list.end());
      ask(caller, list, reg);
    }
  }
}

void SummaryMaker::answer_questions() {
  for (const WrapperQuestion& question : out_.questions) {
    for (uint32_t i = 0; i < scan_.functions.size(); i++) {
      std::vector<uint64_t> sites;
      for (const CodeEdge& edge : scan_.functions[i].edges)
        if (edge.target.symbol != 0 && image_.symbols[edge.target.symbol].name == question.symbol)
          sites.push_back(edge.site);
      std::sort(sites.begin(), sites.end());
      if (!sites.empty()) ask(i, sites, question.reg);
    }
  }
}

void SummaryMaker::add_functions() {
  calls_.resize(scan_.functions.size());
  unresolved_.resize(scan_.functions.size());
  number_system_calls();
  answer_questions();
  number_wrapper_calls();
  // Of several names, the one that people call it by.
  std::map<uint64_t, std::string_view> names;
  auto rank = [](std::string_view name) { return std::pair(name.find_first_not_of('_'), name.size()); };
  for (const NamedRange& named : image_.functions) {
    if (named.name.empty()) continue;
    std::string_view& best = names[named.range.begin];
    if (best.empty() || rank(named.name) < rank(best)) best = named.name;
  }
  for (uint32_t i = 0; i <= scan_.functions.size(); i++) {
    SummaryFunction row{};
    row.edges = static_cast<uint32_t>(out_.edges.size());
    row.code_references = static_cast<uint32_t>(out_.code_references.size());
    row.data_references = static_cast<uint32_t>(out_.data_references.size());
    row.calls = static_cast<uint32_t>(out_.calls.size());
    row.unresolved = static_cast<uint32_t>(out_.unresolved.size());
    row.indirect_sites = static_cast<uint32_t>(out_.indirect_sites.size());
    if (i < scan_.functions.size()) {
      const ScannedFunction& from = scan_.functions[i];
      row.begin = from.range.begin;
      row.end = from.range.end;
      auto name = names.find(row.begin);
      if (name != names.end()) row.name = add_text(name->second);
      auto offset = [&](uint64_t site) { return static_cast<uint32_t>(site - row.begin); };
      for (const CodeEdge& edge : from.edges) {
        uint32_t target = reference(edge.target);
        if (target != kNoIndex) out_.edges.push_back({offset(edge.site), target | (edge.tail ? kTailBit : 0)});
      }
      for (const CodeTarget& target : from.code_references)
        if (uint32_t to = reference(target); to != kNoIndex) out_.code_references.push_back(to);
      for (const DataReference& data : from.data_references) {
        out_.data_references.push_back({data.target.address, data.target.symbol, data.length});
        if (data.target.symbol == 0 && data.length == 0) add_file_name(data.target.address);
      }
      for (uint64_t site : from.indirect_calls) out_.indirect_sites.push_back(offset(site));
      out_.calls.insert(out_.calls.end(), calls_[i].begin(), calls_[i].end());
      out_.unresolved.insert(out_.unresolved.end(), unresolved_[i].begin(), unresolved_[i].end());
      if (!from.indirect_calls.empty()) row.flags |= SummaryFunction::kIndirectCall;
      if (from.source == ScannedFunction::Source::kGap) row.flags |= SummaryFunction::kGap;
      bool restorer =
          calls_[i].size() == 1 && calls_[i].count(kReturnFromSignal) && row.end - row.begin <= kLargestRestorer;
      if (restorer) row.flags |= SummaryFunction::kReturnsFromSignal;
      out_.code_bytes += row.end - row.begin;
    }
    out_.functions.push_back(row);
  }
  for (auto [function, reg] : wrappers_) out_.functions[function].wrapper_parameters |= 1u << reg;
}

// "libfoo.so.1" may be handed to dlopen, "/bin/sh" to exec, by whoever holds the address.
void SummaryMaker::add_file_name(uint64_t address) {
  std::string_view text = image_.text_at(address, kLongestName);
  if (text.size() < 4 || text.find_first_of(" %*\n:,;=") != std::string_view::npos) return;
  bool program =
      text[0] == '/' && (text.find("/bin/") != std::string_view::npos ||
                         text.find("/sbin/") != std::string_view::npos || text.find("/lib") != std::string_view::npos);
  size_t ending = text.rfind(".so");
  bool library = ending != std::string_view::npos && ending != 0 &&
                 text.substr(ending + 3).find_first_not_of(".0123456789") == std::string_view::npos &&
                 (ending + 3 == text.size() || text[ending + 3] == '.');
  if (program || library) file_names_.emplace(address, add_text(text));
}

void SummaryMaker::add_data() {
  for (const DataPointer& pointer : scan_.pointers) {
    const bool here = pointer.target.symbol == 0;
    const uint32_t function = here ? out_.find_function(pointer.target.address) : kNoIndex;
    out_.pointers.push_back({pointer.slot, pointer.target.address, pointer.target.symbol, function});
    if (here && !image_.is_code(pointer.target.address)) add_file_name(pointer.target.address);
  }
  for (const ElfRelocation& relocation : image_.relocations) {
    if (relocation.type == R_X86_64_COPY && relocation.symbol < image_.symbols.size())
      out_.copies.push_back(
          {relocation.place, std::max<uint64_t>(image_.symbols[relocation.symbol].size, 8), relocation.symbol, 0});
    if (relocation.type == R_X86_64_IRELATIVE) {
      uint32_t resolver = reference({0, static_cast<uint64_t>(relocation.addend)});
      if (resolver != kNoIndex) out_.resolvers.push_back(resolver);
    }
  }
  for (const ElfSymbol& symbol : image_.symbols) {
    if (!symbol.defined || symbol.type != STT_GNU_IFUNC) continue;
    uint32_t resolver = reference({0, symbol.value});
    if (resolver != kNoIndex) out_.resolvers.push_back(resolver);
  }
  for (const CodeTarget& target : scan_.personality_targets)
    if (uint32_t to = reference(target); to != kNoIndex) out_.personalities.push_back(to);
  for (auto [address, text] : file_names_) out_.names.push_back({address, text, 0});
}

void SummaryMaker::add_bounds() {
  std::vector<uint64_t>& bounds = out_.bounds;
  for (const SummaryData& data : out_.data_references)
    if (data.symbol == 0 && data.length == 0) bounds.push_back(data.address);
  for (const SummaryPointer& pointer : out_.pointers)
    if (pointer.symbol == 0 && !image_.is_code(pointer.address)) bounds.push_back(pointer.address);
  for (const ElfSymbol& symbol : image_.symbols)
    if (symbol.defined && symbol.type == STT_OBJECT) bounds.push_back(symbol.value);
  for (const ElfSegment& segment : image_.segments) {
    bounds.push_back(segment.memory.begin);
    bounds.push_back(segment.memory.end);
  }
  std::sort(bounds.begin(), bounds.end());
  bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
}

void SummaryMaker::add_array(AddressRange array, std::vector<uint32_t>& into) {
  for (uint64_t slot = array.begin; slot + 8 <= array.end; slot += 8) {
    auto target = scan_.slot_target(slot);
    if (!target) {
      auto word = image_.read<uint64_t>(slot);
      if (!word) return;
      target = CodeTarget{0, *word};
    }
    if (uint32_t to = reference(*target); to != kNoIndex) into.push_back(to);
  }
}

void SummaryMaker::add_starts() {
  auto add = [&](uint64_t address, std::vector<uint32_t>& into) {
    uint32_t function = address == 0 ? kNoIndex : reference({0, address});
    if (function != kNoIndex) into.push_back(function);
  };
  add_array(image_.preinit_array, out_.start);
  add_array(image_.init_array, out_.start);
  add(image_.init, out_.start);
  add_array(image_.fini_array, out_.finish);
  add(image_.fini, out_.finish);
}

Summary SummaryMaker::make() {
  out_.text.assign(1, '\0');
  scan_.run();
  out_.soname = image_.soname;
  out_.interpreter = image_.interpreter;
  out_.rpath = image_.rpath;
  out_.runpath = image_.runpath;
  out_.needed = image_.needed;
  out_.position_independent = image_.position_independent;
  out_.dynamic = image_.dynamic;
  out_.go = image_.go;
  out_.has_versions = image_.has_versions;
  out_.frames_broken = scan_.frames_broken;
  out_.entry = image_.entry;
  out_.lowest = image_.lowest;
  out_.undecodable = scan_.undecodable;
  add_symbols();
  add_functions();
  add_data();
  add_bounds();
  add_starts();
  return std::move(out_);
}

}  // namespace

uint32_t Summary::find_function(uint64_t address) const {
  if (function_count() == 0) return kNoIndex;
  auto last = functions.end() - 1;
  auto after = std::upper_bound(functions.begin(), last, address,
                                [](uint64_t a, const SummaryFunction& f) { return a < f.begin; });
  if (after == functions.begin() || address >= std::prev(after)->end) return kNoIndex;
  return static_cast<uint32_t>(std::prev(after) - functions.begin());
}

Summary summarise(const ElfImage& image, const std::vector<WrapperQuestion>& questions) {
  return SummaryMaker(image, questions).make();
}

}  // namespace libguard
