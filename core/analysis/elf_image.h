// SPDX-License-Identifier: Apache-2.0
// One ELF file, read without trusting it: segments, dynamic section, symbols with versions, relocations.
//
// Way:     file -> *image* -> functions -> summary.
// Thread:  immutable after open(); any.
// Failure: a file that is no x86-64 ELF, or whose tables lie outside of it, is one Error that names the file.
//
// Works from program headers; section headers are used if they are there (PLT, static symbol table) and never needed.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace libguard {

using Bytes = std::span<const uint8_t>;

struct AddressRange {
  uint64_t begin = 0, end = 0;
  bool contains(uint64_t address) const { return address >= begin && address < end; }
  auto operator<=>(const AddressRange&) const = default;
};

struct ElfSegment {
  AddressRange memory;
  uint64_t file_offset = 0, file_size = 0;
  bool executable = false, writable = false;
};

struct ElfSymbol {
  std::string_view name, version;
  uint64_t value = 0, size = 0;
  uint8_t type = 0, bind = 0;
  bool defined = false, hidden = false;  // hidden: foo@V, only for those who ask for V
  bool is_function() const;
  bool is_exported() const;  // defined, not local
};

struct ElfRelocation {
  uint64_t place = 0;
  uint32_t type = 0, symbol = 0;  // symbol 0: none
  int64_t addend = 0;
};

// A function as some table of the file names it. Symbols may overlap; frames do not.
struct NamedRange {
  enum class Source : uint8_t { kFrame, kSymbol, kGo };
  AddressRange range;  // empty: the table does not know the end
  Source source = Source::kFrame;
  std::string_view name;
};

class ElfImage {
 public:
  static Result<ElfImage> open(const std::string& host_path, const std::string& name);
  static Result<ElfImage> parse(Bytes file, const std::string& name);  // `file` outlives the image
  // The file, its segments and build id only; read_tables() reads the rest.
  static Result<ElfImage> open_head(const std::string& host_path, const std::string& name);
  Status read_tables();

  // File bytes behind an address; at most to the end of the segment, empty if there are none.
  Bytes at(uint64_t address) const;
  template <class T>
  std::optional<T> read(uint64_t address) const {
    Bytes bytes = at(address);
    if (bytes.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view text_at(uint64_t address, size_t limit) const;  // up to the NUL; empty if there is none
  bool is_code(uint64_t address) const { return within(code, address); }
  bool is_plt(uint64_t address) const { return within(plt, address); }
  bool is_mapped(uint64_t address) const;
  bool is_relro(uint64_t address) const { return relro.contains(address); }
  Bytes file() const { return file_; }

  std::string name, soname, interpreter;
  std::vector<std::string> needed;
  std::string rpath, runpath;
  std::string build_id;  // hex, empty if there is none
  bool position_independent = true, dynamic = false, go = false, has_versions = false;
  uint64_t entry = 0, lowest = 0, highest = 0;
  std::vector<ElfSegment> segments;
  std::vector<AddressRange> code, plt;  // sorted
  AddressRange relro;
  std::vector<ElfSymbol> symbols;  // dynamic; 0 is the null symbol
  std::vector<ElfRelocation> relocations;
  std::vector<NamedRange> functions;  // by the symbol tables
  AddressRange preinit_array, init_array, fini_array;
  uint64_t init = 0, fini = 0;
  uint64_t eh_frame = 0;

 private:
  struct Sections;
  using Dynamic = std::map<uint64_t, uint64_t>;
  static bool within(const std::vector<AddressRange>& ranges, uint64_t address);
  Status broken(const std::string& what) const;
  Status read_header();
  Status read_segments();
  void read_note(Bytes note);
  Status read_sections();
  Status read_static_symbols(uint64_t offset, uint64_t size, Bytes names);
  void read_static_relocations(const std::vector<AddressRange>& tables);
  Status read_dynamic();
  Status read_names(const Dynamic& dynamic, const std::vector<uint64_t>& needed_offsets);
  uint64_t count_symbols(const Dynamic& dynamic) const;
  Status read_relocations(const Dynamic& dynamic);
  void read_relative(Bytes table);
  Status read_symbols(const Dynamic& dynamic);
  std::map<uint16_t, std::string_view> read_versions(const Dynamic& dynamic);
  Bytes slice(uint64_t offset, uint64_t size) const;
  std::string_view string_at(uint64_t offset) const;  // of the dynamic string table

  Bytes file_;
  std::shared_ptr<const void> mapping_;
  AddressRange dynamic_section_;
  Bytes strings_;
};

}  // namespace libguard
