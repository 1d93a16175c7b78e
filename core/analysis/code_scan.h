// SPDX-License-Identifier: Apache-2.0
// The functions of one file and what each of them calls, refers to and points at.
//
// Way:     image -> *functions, edges, references* -> summary.
// Thread:  one thread per scan; immutable after run().
// Failure: code that no table describes is found as gaps, split where something points or jumps.
#pragma once

#include <set>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/analysis/elf_image.h"
#include "core/analysis/instruction.h"

namespace libguard {

// Somewhere in this file, or a dynamic symbol (symbol != 0) plus `address`.
struct CodeTarget {
  uint32_t symbol = 0;
  uint64_t address = 0;
  auto operator<=>(const CodeTarget&) const = default;
};

struct CodeEdge {
  uint64_t site = 0;
  CodeTarget target;
  bool tail = false;  // a jump: the callee runs in the caller's place
};

struct DataReference {
  CodeTarget target;
  uint32_t length = 0;  // bytes read; 0: the address is formed, the whole object counts
  auto operator<=>(const DataReference&) const = default;
};

struct ScannedFunction {
  enum class Source : uint8_t { kFrame, kSymbol, kGo, kGap };
  AddressRange range;
  Source source = Source::kFrame;
  bool scanned = false;
  std::vector<CodeEdge> edges;
  std::vector<CodeTarget> code_references;  // functions whose address is taken
  std::vector<DataReference> data_references;
  std::vector<uint64_t> system_calls, indirect_calls;
};

// A word of initialised data that points somewhere.
struct DataPointer {
  uint64_t slot = 0;
  CodeTarget target;
};

class CodeScan {
 public:
  explicit CodeScan(const ElfImage& image);
  void run();
  // Instead of run(): functions are found, and nothing of them is scanned.
  void find_functions();
  // What the instructions at these addresses of one function contribute.
  ScannedFunction scan_part(size_t function, const std::set<uint64_t>& only);
  static constexpr size_t kNoFunction = SIZE_MAX;
  size_t find(uint64_t address) const;                            // the function that contains it
  std::optional<CodeTarget> stub_target(uint64_t address) const;  // `jmp *slot`: what the slot is bound to
  std::optional<CodeTarget> slot_target(uint64_t slot) const;     // what its relocation says
  bool never_returns(uint64_t address) { return never_returns(address, 0); }
  bool symbol_never_returns(std::string_view name) const;
  const ElfRelocation* relocation_at(uint64_t slot) const;

  const ElfImage& image;
  std::vector<ScannedFunction> functions;       // by address, disjoint
  std::vector<DataPointer> pointers;            // by slot
  std::vector<CodeTarget> personality_targets;  // routines of exception handling
  uint64_t undecodable = 0, frames = 0;
  bool frames_broken = false;

 private:
  bool never_returns(uint64_t address, int depth);
  void find_pointers();
  void find_words_that_point();
  void find_gaps();
  void add_gap(AddressRange gap, size_t before);
  bool continues_into(const ScannedFunction& before) const;
  void scan(ScannedFunction& function, const std::set<uint64_t>* only = nullptr);
  void scan_call(ScannedFunction& function, const Instruction& instruction);
  void scan_jump(ScannedFunction& function, const Instruction& instruction, bool looks_like_table);
  bool scan_bound_slot(ScannedFunction& function, const Instruction& instruction, bool tail);
  void refer(ScannedFunction& function, uint64_t address, bool formed, uint32_t length);
  void split_gaps();
  void join_split_gaps();

  Decoder decoder_;
  std::unordered_map<uint64_t, uint32_t> slots_;  // place -> relocation
  std::unordered_map<uint64_t, bool> never_returns_;
  std::unordered_map<uint64_t, std::string_view> exported_at_;
  std::vector<uint64_t> gap_targets_;
};

}  // namespace libguard
