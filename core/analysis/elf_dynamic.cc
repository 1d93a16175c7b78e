// SPDX-License-Identifier: Apache-2.0
// The dynamic section: needed libraries, symbols with versions, relocations in all three forms.
//
// Way:     see elf_image.h.
// Thread:  see elf_image.h.
// Failure: see elf_image.h.
#include <elf.h>

#include <algorithm>

#include "core/analysis/elf_image.h"

namespace libguard {
namespace {

constexpr uint64_t kRelrSize = 35, kRelr = 36;  // DT_RELRSZ, DT_RELR: younger than the headers of Debian 12's libc
constexpr uint64_t kMostVersions = 1u << 20;    // no list goes round in circles

uint64_t value_of(const std::map<uint64_t, uint64_t>& dynamic, uint64_t tag) {
  auto found = dynamic.find(tag);
  return found == dynamic.end() ? 0 : found->second;
}

template <class T>
T read_unchecked(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace

std::string_view ElfImage::string_at(uint64_t offset) const {
  if (offset >= strings_.size()) return {};
  const char* start = reinterpret_cast<const char*>(strings_.data() + offset);
  const void* end = std::memchr(start, 0, strings_.size() - offset);
  return end == nullptr ? std::string_view{} : std::string_view(start, static_cast<const char*>(end) - start);
}

Status ElfImage::read_dynamic() {
  if (dynamic_section_.end == 0) return {};
  dynamic = true;
  Dynamic tags;
  std::vector<uint64_t> needed_offsets;
  for (uint64_t address = dynamic_section_.begin; address < dynamic_section_.end; address += sizeof(Elf64_Dyn)) {
    auto entry_read = read<Elf64_Dyn>(address);
    if (!entry_read) return broken("its dynamic section lies outside of it");
    if (entry_read->d_tag == DT_NULL) break;
    uint64_t tag = static_cast<uint64_t>(entry_read->d_tag);
    if (tag == DT_NEEDED)
      needed_offsets.push_back(entry_read->d_un.d_val);
    else
      tags[tag] = entry_read->d_un.d_val;
  }
  auto array = [&](uint64_t start, uint64_t size) {
    uint64_t begin = value_of(tags, start);
    return AddressRange{begin, begin + std::min(value_of(tags, size), highest - std::min(begin, highest))};
  };
  preinit_array = array(DT_PREINIT_ARRAY, DT_PREINIT_ARRAYSZ);
  init_array = array(DT_INIT_ARRAY, DT_INIT_ARRAYSZ);
  fini_array = array(DT_FINI_ARRAY, DT_FINI_ARRAYSZ);
  init = value_of(tags, DT_INIT);
  fini = value_of(tags, DT_FINI);
  Status done = read_names(tags, needed_offsets);
  if (done) done = read_relocations(tags);
  if (done) done = read_symbols(tags);
  return done;
}

Status ElfImage::read_names(const Dynamic& tags, const std::vector<uint64_t>& needed_offsets) {
  if (!tags.count(DT_STRTAB)) return {};
  strings_ = at(value_of(tags, DT_STRTAB));
  if (strings_.size() < value_of(tags, DT_STRSZ)) return broken("its string table lies outside of it");
  strings_ = strings_.subspan(0, value_of(tags, DT_STRSZ));
  for (uint64_t offset : needed_offsets) {
    if (string_at(offset).empty()) return broken("the name of a needed library is missing");
    needed.emplace_back(string_at(offset));
  }
  if (tags.count(DT_SONAME)) soname = string_at(value_of(tags, DT_SONAME));
  if (tags.count(DT_RUNPATH)) runpath = string_at(value_of(tags, DT_RUNPATH));
  if (tags.count(DT_RPATH) && runpath.empty()) rpath = string_at(value_of(tags, DT_RPATH));
  return {};
}

// The file does not say how many symbols it has; the hash tables do.
uint64_t ElfImage::count_symbols(const Dynamic& tags) const {
  if (tags.count(DT_HASH)) return read<uint32_t>(value_of(tags, DT_HASH) + 4).value_or(0);
  uint64_t table = value_of(tags, DT_GNU_HASH);
  if (table == 0) return 0;
  uint64_t buckets = read<uint32_t>(table).value_or(0), first = read<uint32_t>(table + 4).value_or(0);
  uint64_t bucket_table = table + 16 + 8 * uint64_t{read<uint32_t>(table + 8).value_or(0)};
  uint64_t last = 0;
  for (uint64_t i = 0; i < buckets; i++) {
    auto start = read<uint32_t>(bucket_table + 4 * i);
    if (!start) return 0;
    last = std::max<uint64_t>(last, *start);
  }
  if (last < first) return first;
  uint64_t chain_table = bucket_table + 4 * buckets;
  for (;; last++) {
    auto hash = read<uint32_t>(chain_table + 4 * (last - first));
    if (!hash) return 0;
    if (*hash & 1) return last + 1;
  }
}

Status ElfImage::read_relocations(const Dynamic& tags) {
  const std::pair<uint64_t, uint64_t> tables[] = {{DT_RELA, DT_RELASZ}, {DT_JMPREL, DT_PLTRELSZ}};
  for (auto [start, size_tag] : tables) {
    uint64_t size = value_of(tags, size_tag);
    if (value_of(tags, start) == 0 || size == 0) continue;
    Bytes table = at(value_of(tags, start));
    if (table.size() < size) return broken("its relocations lie outside of it");
    for (uint64_t i = 0; i + sizeof(Elf64_Rela) <= size; i += sizeof(Elf64_Rela)) {
      auto rela = read_unchecked<Elf64_Rela>(table.data() + i);
      relocations.push_back({rela.r_offset, static_cast<uint32_t>(ELF64_R_TYPE(rela.r_info)),
                             static_cast<uint32_t>(ELF64_R_SYM(rela.r_info)), rela.r_addend});
    }
  }
  if (tags.count(kRelr)) {
    Bytes table = at(value_of(tags, kRelr));
    if (table.size() < value_of(tags, kRelrSize)) return broken("its relative relocations lie outside of it");
    read_relative(table.subspan(0, value_of(tags, kRelrSize)));
  }
  if (relocations.size() > file_.size()) return broken("it has more relocations than bytes");
  return {};
}

// DT_RELR: an even word is a place; each odd word is a bitmap of the 63 places that follow.
void ElfImage::read_relative(Bytes table) {
  uint64_t next = 0;
  auto add = [&](uint64_t place) {
    if (auto addend = read<int64_t>(place)) relocations.push_back({place, R_X86_64_RELATIVE, 0, *addend});
  };
  for (uint64_t i = 0; i + 8 <= table.size(); i += 8) {
    uint64_t word = read_unchecked<uint64_t>(table.data() + i);
    if (!(word & 1)) {
      add(word);
      next = word + 8;
      continue;
    }
    for (int bit = 0; bit < 63; bit++)
      if (word >> (bit + 1) & 1) add(next + 8 * static_cast<uint64_t>(bit));
    next += 63 * 8;
  }
}

std::map<uint16_t, std::string_view> ElfImage::read_versions(const Dynamic& tags) {
  std::map<uint16_t, std::string_view> versions;
  uint64_t place = value_of(tags, DT_VERNEED), steps = 0;
  for (uint64_t i = 0; i < value_of(tags, DT_VERNEEDNUM); i++) {
    auto need = read<Elf64_Verneed>(place);
    if (!need) break;
    uint64_t part = place + need->vn_aux;
    for (uint64_t j = 0; j < need->vn_cnt; j++) {
      auto name_of = read<Elf64_Vernaux>(part);
      if (!name_of || ++steps > kMostVersions) break;
      versions[name_of->vna_other & 0x7fff] = string_at(name_of->vna_name);
      part += name_of->vna_next;
    }
    place += need->vn_next;
    if (need->vn_next == 0 || ++steps > kMostVersions) break;
  }
  place = value_of(tags, DT_VERDEF);
  for (uint64_t i = 0; i < value_of(tags, DT_VERDEFNUM); i++) {
    auto definition = read<Elf64_Verdef>(place);
    if (!definition) break;
    has_versions = true;
    auto name_of = read<Elf64_Verdaux>(place + definition->vd_aux);
    if (name_of && !(definition->vd_flags & VER_FLG_BASE))
      versions[definition->vd_ndx & 0x7fff] = string_at(name_of->vda_name);
    place += definition->vd_next;
    if (definition->vd_next == 0 || ++steps > 2 * kMostVersions) break;
  }
  return versions;
}

Status ElfImage::read_symbols(const Dynamic& tags) {
  uint64_t count = count_symbols(tags);
  for (const ElfRelocation& relocation : relocations)
    count = std::max<uint64_t>(count, uint64_t{relocation.symbol} + 1);
  Bytes table = at(value_of(tags, DT_SYMTAB));
  if (table.size() / sizeof(Elf64_Sym) < count) return broken("its symbols lie outside of it");
  auto versions = read_versions(tags);
  uint64_t version_table = value_of(tags, DT_VERSYM);
  symbols.reserve(count);
  for (uint64_t i = 0; i < count; i++) {
    auto raw = read_unchecked<Elf64_Sym>(table.data() + i * sizeof(Elf64_Sym));
    ElfSymbol symbol;
    symbol.name = string_at(raw.st_name);
    symbol.value = raw.st_value;
    symbol.size = raw.st_size;
    symbol.type = ELF64_ST_TYPE(raw.st_info);
    symbol.bind = ELF64_ST_BIND(raw.st_info);
    symbol.defined = raw.st_shndx != SHN_UNDEF;
    if (version_table != 0) {
      uint16_t version = read<uint16_t>(version_table + 2 * i).value_or(0);
      symbol.hidden = version & 0x8000;
      auto known = versions.find(version & 0x7fff);
      if (known != versions.end()) symbol.version = known->second;
    }
    if (symbol.defined && symbol.is_function() && is_code(symbol.value)) {
      uint64_t size = std::min<uint64_t>(symbol.size, highest - symbol.value);
      functions.push_back({{symbol.value, symbol.value + size}, NamedRange::Source::kSymbol, symbol.name});
    }
    symbols.push_back(symbol);
  }
  return {};
}

}  // namespace libguard
