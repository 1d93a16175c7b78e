// SPDX-License-Identifier: Apache-2.0
// What one file contributes to any process that maps it: flat tables, independent of the process.
//
// Way:     file -> *summary* (cached) -> link -> closure.
// Thread:  immutable once made; any.
// Failure: summarise() fails like ElfImage::open; parse() of foreign bytes answers nothing.
//
// Tables are rows of fixed width so that a cached summary is read with one copy per table. Rows of one function lie
// together: from its own index to that of the next function (the last function is a sentinel).
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace libguard {

class ElfImage;
using CallSet = std::bitset<512>;

// A reference: a function of this file, or a dynamic symbol; kTail with edges only.
inline constexpr uint32_t kTailBit = 1u << 31, kSymbolBit = 1u << 30, kIndexMask = kSymbolBit - 1,
                          kNoIndex = kIndexMask;

struct SummarySymbol {
  uint64_t value, size;
  uint32_t name, version;  // offsets into text
  uint8_t type, bind, defined, hidden;
  uint32_t unused;
};

struct SummaryFunction {
  enum Flag : uint32_t { kIndirectCall = 1, kReturnsFromSignal = 2, kGap = 4, kFrameless = 8 };
  uint64_t begin, end;
  uint32_t name;  // offset into text; 0: none
  uint32_t edges, code_references, data_references, calls, unresolved, indirect_sites;
  uint32_t wrapper_parameters;  // bits: the number of a system call is this parameter (Value::parameter)
  uint32_t flags;
};

struct SummaryEdge {
  uint32_t site;    // offset from the function's begin
  uint32_t target;  // reference, with kTailBit
};

struct SummaryData {
  uint64_t address;  // in this file, or added to the symbol's
  uint32_t symbol;   // 0: none
  uint32_t length;   // 0: the whole object
};

struct SummaryPointer {
  uint64_t slot, address;
  uint32_t symbol, function;  // the function at the address; kNoIndex: none, or there is a symbol
};

struct SummaryUnresolved {
  enum Reason : uint32_t { kUnknown, kLoaded };  // kLoaded: the number comes from memory
  uint32_t site;
  uint32_t reason;
};

struct SummaryCopy {  // R_X86_64_COPY: data of a library that lives in the program
  uint64_t place, size;
  uint32_t symbol, unused;
};

struct SummaryName {  // text that looks like the file name of a shared object, or the path of a program
  uint64_t address;
  uint32_t text, unused;
};

// Ask: "which number does this argument register hold where this imported function is called?"
struct WrapperQuestion {
  std::string symbol;
  uint8_t reg = 0;
  auto operator<=>(const WrapperQuestion&) const = default;
};

struct Summary {
  static constexpr uint32_t kVersion = 7;  // raise it with every change of the tables or of what is found

  std::string soname, interpreter, rpath, runpath;
  std::vector<std::string> needed;
  std::vector<WrapperQuestion> questions;  // answered in `calls`
  bool position_independent = true, dynamic = false, go = false, has_versions = false, frames_broken = false;
  uint64_t entry = 0, lowest = 0, code_bytes = 0, undecodable = 0;
  std::vector<SummarySymbol> symbols;
  std::vector<SummaryFunction> functions;  // with a sentinel
  std::vector<SummaryEdge> edges;
  std::vector<uint32_t> code_references;
  std::vector<SummaryData> data_references;
  std::vector<uint16_t> calls;  // numbers of system calls made by the function itself
  std::vector<SummaryUnresolved> unresolved;
  std::vector<uint32_t> indirect_sites;  // offsets of calls through pointers
  std::vector<SummaryPointer> pointers;  // by slot
  std::vector<uint64_t> bounds;          // where data objects begin, by address
  std::vector<uint32_t> start, finish;   // references: run by the loader before and after the program
  std::vector<uint32_t> personalities;   // references
  std::vector<uint32_t> resolvers;       // functions: IFUNC
  std::vector<SummaryCopy> copies;
  std::vector<SummaryName> names;  // by address
  std::string text;                // NUL-terminated names; starts with NUL

  size_t function_count() const { return functions.empty() ? 0 : functions.size() - 1; }
  std::string_view name_at(uint32_t offset) const {
    return offset < text.size() ? std::string_view(text.data() + offset) : "";
  }
  uint32_t find_function(uint64_t address) const;  // index, or kNoIndex
  bool is_code(uint64_t address) const { return find_function(address) != kNoIndex; }

  std::string serialise() const;
  static std::optional<Summary> parse(std::string_view bytes);
};

// `questions`: wrappers of other files, such as syscall(3), whose callers this file holds.
Summary summarise(const ElfImage& image, const std::vector<WrapperQuestion>& questions);

}  // namespace libguard
