// SPDX-License-Identifier: Apache-2.0
// Header, segments and sections. The dynamic section is in elf_dynamic.cc.
//
// Way:     see elf_image.h.
// Thread:  see elf_image.h.
// Failure: see elf_image.h. Offsets and sizes are compared before use, never added first.
#include "core/analysis/elf_image.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace libguard {
namespace {

constexpr uint64_t kMostSegments = 256;
constexpr uint64_t kMostCopies = 4;  // how often the bytes of a file may be loaded: by each its tables grow

template <class T>
std::optional<T> read_at(Bytes bytes, uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

std::string_view text_in(Bytes bytes, uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const char* start = reinterpret_cast<const char*>(bytes.data() + offset);
  const void* end = std::memchr(start, 0, bytes.size() - offset);
  return end == nullptr ? std::string_view{} : std::string_view(start, static_cast<const char*>(end) - start);
}

// Unmaps when the last image over it is gone.
Result<std::shared_ptr<const void>> map_file(const std::string& path, Bytes& bytes) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) {
    int error = errno;
    if (fd >= 0) ::close(fd);
    return fail(error == ENOENT ? Code::kNotFound : Code::kIo, "cannot read " + path + ": " + std::strerror(error),
                "check the path and that you may read it");
  }
  if (!S_ISREG(facts.st_mode) || facts.st_size == 0) {
    ::close(fd);
    return fail(Code::kInvalid, path + " is no ELF file", "name a program or a shared library");
  }
  size_t size = static_cast<size_t>(facts.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED)
    return fail(Code::kIo, "cannot map " + path + ": " + std::strerror(errno), "is memory short?");
  bytes = Bytes(static_cast<const uint8_t*>(memory), size);
  return std::shared_ptr<const void>(memory, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
}

bool overlap(std::vector<ElfSegment> segments) {
  auto before = [](const ElfSegment& a, const ElfSegment& b) { return a.memory.begin < b.memory.begin; };
  std::sort(segments.begin(), segments.end(), before);
  auto meet = [](const ElfSegment& a, const ElfSegment& b) { return a.memory.end > b.memory.begin; };
  return std::adjacent_find(segments.begin(), segments.end(), meet) != segments.end();
}

}  // namespace

bool ElfSymbol::is_function() const { return type == STT_FUNC || type == STT_GNU_IFUNC; }
bool ElfSymbol::is_exported() const { return defined && bind != STB_LOCAL; }

Result<ElfImage> ElfImage::open_head(const std::string& host_path, const std::string& name) {
  ElfImage image;
  auto mapping = map_file(host_path, image.file_);
  if (!mapping) return tl::unexpected(mapping.error());
  image.mapping_ = std::move(*mapping);
  image.name = name;
  Status done = image.read_header();
  if (done) done = image.read_segments();
  if (!done) return tl::unexpected(done.error());
  return image;
}

Result<ElfImage> ElfImage::open(const std::string& host_path, const std::string& name) {
  auto image = open_head(host_path, name);
  if (!image) return image;
  Status done = image->read_tables();
  if (!done) return tl::unexpected(done.error());
  return image;
}

Result<ElfImage> ElfImage::parse(Bytes file, const std::string& name) {
  ElfImage image;
  image.file_ = file;
  image.name = name;
  Status done = image.read_header();
  if (done) done = image.read_segments();
  if (done) done = image.read_tables();
  if (!done) return tl::unexpected(done.error());
  return image;
}

Status ElfImage::read_tables() {
  Status done = read_sections();
  return done ? read_dynamic() : done;
}

Status ElfImage::broken(const std::string& what) const {
  return fail(Code::kInvalid, name + " is a broken ELF file: " + what, "is it complete? compare it with its package");
}

Bytes ElfImage::slice(uint64_t offset, uint64_t size) const {
  if (offset > file_.size() || file_.size() - offset < size) return {};
  return file_.subspan(offset, size);
}

bool ElfImage::within(const std::vector<AddressRange>& ranges, uint64_t address) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                [](uint64_t value, const AddressRange& range) { return value < range.begin; });
  return after != ranges.begin() && std::prev(after)->contains(address);
}

bool ElfImage::is_mapped(uint64_t address) const {
  return std::any_of(segments.begin(), segments.end(), [&](const ElfSegment& s) { return s.memory.contains(address); });
}

Bytes ElfImage::at(uint64_t address) const {
  for (const ElfSegment& segment : segments) {
    uint64_t offset = address - segment.memory.begin;
    if (address >= segment.memory.begin && offset < segment.file_size)
      return file_.subspan(segment.file_offset + offset, segment.file_size - offset);
  }
  return {};
}

std::string_view ElfImage::text_at(uint64_t address, size_t limit) const {
  Bytes bytes = at(address);
  return text_in(bytes.subspan(0, std::min(bytes.size(), limit)), 0);
}

Status ElfImage::read_header() {
  auto header = read_at<Elf64_Ehdr>(file_, 0);
  bool elf = file_.size() >= SELFMAG && std::memcmp(file_.data(), ELFMAG, SELFMAG) == 0;
  if (!elf) return fail(Code::kInvalid, name + " is no ELF file", "name a program or a shared library");
  if (!header) return broken("it ends inside its header");
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_X86_64)
    return fail(Code::kUnsupported, name + " is not for x86-64", "only x86-64 programs can be analysed");
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN)
    return fail(Code::kInvalid, name + " is neither a program nor a shared library", "link it first");
  position_independent = header->e_type == ET_DYN;
  entry = header->e_entry;
  return {};
}

Status ElfImage::read_segments() {
  auto header = read_at<Elf64_Ehdr>(file_, 0);
  if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 || header->e_phnum > kMostSegments)
    return broken("it has no usable program headers");
  lowest = UINT64_MAX;
  uint64_t loaded = 0;
  for (uint64_t i = 0; i < header->e_phnum; i++) {
    if (header->e_phoff > file_.size()) return broken("its program headers lie outside of it");
    auto part = read_at<Elf64_Phdr>(file_, header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!part) return broken("its program headers lie outside of it");
    AddressRange memory{part->p_vaddr, part->p_vaddr + part->p_memsz};
    if (memory.end < memory.begin) return broken("a segment is larger than the address space");
    Bytes bytes = slice(part->p_offset, part->p_filesz);
    if (bytes.size() != part->p_filesz) return broken("a segment lies outside of it");
    if (part->p_type == PT_LOAD) {
      if (part->p_filesz > part->p_memsz) return broken("a segment has more bytes than memory");
      loaded += part->p_filesz;
      if (loaded / kMostCopies > file_.size()) return broken("its segments load the same bytes again and again");
      bool x = part->p_flags & PF_X, w = part->p_flags & PF_W;
      segments.push_back({memory, part->p_offset, part->p_filesz, x, w});
      lowest = std::min(lowest, memory.begin);
      highest = std::max(highest, memory.end);
      if (x) code.push_back({memory.begin, memory.begin + part->p_filesz});
    }
    if (part->p_type == PT_DYNAMIC) dynamic_section_ = {part->p_vaddr, part->p_vaddr + part->p_filesz};
    if (part->p_type == PT_INTERP) interpreter = text_in(bytes, 0);
    if (part->p_type == PT_GNU_RELRO) relro = memory;
    if (part->p_type == PT_NOTE) read_note(bytes);
    // Version 1, pointer to .eh_frame as a signed 32-bit offset from itself: what every linker writes.
    if (part->p_type == PT_GNU_EH_FRAME && bytes.size() >= 8 && bytes[0] == 1 && (bytes[1] & 0x7f) == 0x1b)
      eh_frame = part->p_vaddr + 4 + static_cast<int64_t>(*read_at<int32_t>(bytes, 4));
  }
  if (segments.empty()) return broken("it has nothing to load");
  if (overlap(segments)) return broken("its segments overlap");
  std::sort(code.begin(), code.end());
  return {};
}

void ElfImage::read_note(Bytes note) {
  uint64_t offset = 0;
  while (auto header = read_at<Elf64_Nhdr>(note, offset)) {
    uint64_t names = offset + sizeof *header, text = names + ((uint64_t{header->n_namesz} + 3) & ~3ull);
    uint64_t next = text + ((uint64_t{header->n_descsz} + 3) & ~3ull);
    if (text > note.size() || note.size() - text < header->n_descsz) return;
    if (header->n_type == NT_GNU_BUILD_ID && text_in(note, names) == "GNU" && header->n_descsz <= 64) {
      static constexpr char kHex[] = "0123456789abcdef";
      build_id.clear();
      for (uint8_t byte : note.subspan(text, header->n_descsz)) {
        build_id += kHex[byte >> 4];
        build_id += kHex[byte & 15];
      }
    }
    offset = next;
  }
}

// Sections make it finer: code without the tables between it, the PLT, names of a program that was not stripped.
// Whatever is wrong with them, the segments remain.
Status ElfImage::read_sections() {
  auto header = read_at<Elf64_Ehdr>(file_, 0);
  uint64_t size = uint64_t{header->e_shnum} * sizeof(Elf64_Shdr);
  Bytes table = slice(header->e_shoff, size);
  if (header->e_shentsize != sizeof(Elf64_Shdr) || table.empty() || header->e_shstrndx >= header->e_shnum) return {};
  auto section = [&](uint64_t i) { return *read_at<Elf64_Shdr>(table, i * sizeof(Elf64_Shdr)); };
  Elf64_Shdr names_header = section(header->e_shstrndx);
  Bytes names = slice(names_header.sh_offset, names_header.sh_size);
  std::vector<AddressRange> found, relocation_tables;
  for (uint64_t i = 0; i < header->e_shnum; i++) {
    Elf64_Shdr part = section(i);
    std::string_view label = text_in(names, part.sh_name);
    AddressRange memory{part.sh_addr, part.sh_addr + part.sh_size};
    bool loaded = (part.sh_flags & SHF_ALLOC) && part.sh_type != SHT_NOBITS && memory.end > memory.begin;
    if (loaded && (part.sh_flags & SHF_EXECINSTR) && is_code(memory.begin) && is_code(memory.end - 1)) {
      found.push_back(memory);
      if (label.starts_with(".plt")) plt.push_back(memory);
    }
    if (label == ".gopclntab" || label == ".data.rel.ro.gopclntab") go = true;
    if (loaded && label == ".eh_frame" && eh_frame == 0) eh_frame = part.sh_addr;
    if (loaded && part.sh_type == SHT_INIT_ARRAY) init_array = memory;
    if (loaded && part.sh_type == SHT_FINI_ARRAY) fini_array = memory;
    if (loaded && part.sh_type == SHT_RELA && dynamic_section_.end == 0) relocation_tables.push_back(memory);
    if (part.sh_type == SHT_SYMTAB && part.sh_link < header->e_shnum) {
      Elf64_Shdr strings = section(part.sh_link);
      Status read = read_static_symbols(part.sh_offset, part.sh_size, slice(strings.sh_offset, strings.sh_size));
      if (!read) return read;
    }
  }
  std::sort(found.begin(), found.end());
  std::sort(plt.begin(), plt.end());
  bool disjoint = std::adjacent_find(found.begin(), found.end(), [](const AddressRange& a, const AddressRange& b) {
                    return a.end > b.begin;
                  }) == found.end();
  if (!found.empty() && disjoint) code = found;
  read_static_relocations(relocation_tables);
  return {};
}

Status ElfImage::read_static_symbols(uint64_t offset, uint64_t size, Bytes names) {
  Bytes table = slice(offset, size);
  for (uint64_t i = 0; i + sizeof(Elf64_Sym) <= table.size(); i += sizeof(Elf64_Sym)) {
    auto symbol = *read_at<Elf64_Sym>(table, i);
    uint8_t type = ELF64_ST_TYPE(symbol.st_info);
    if ((type != STT_FUNC && type != STT_GNU_IFUNC) || symbol.st_shndx == SHN_UNDEF || !is_code(symbol.st_value))
      continue;
    AddressRange range{symbol.st_value,
                       symbol.st_value + std::min<uint64_t>(symbol.st_size, highest - symbol.st_value)};
    functions.push_back({range, NamedRange::Source::kSymbol, text_in(names, symbol.st_name)});
  }
  return {};
}

// A static program has no dynamic section, but its start code applies IRELATIVE relocations.
void ElfImage::read_static_relocations(const std::vector<AddressRange>& tables) {
  for (const AddressRange& table : tables) {
    Bytes bytes = at(table.begin);
    bytes = bytes.subspan(0, std::min<uint64_t>(bytes.size(), table.end - table.begin));
    for (uint64_t i = 0; i + sizeof(Elf64_Rela) <= bytes.size(); i += sizeof(Elf64_Rela)) {
      auto entry_read = *read_at<Elf64_Rela>(bytes, i);
      relocations.push_back(
          {entry_read.r_offset, static_cast<uint32_t>(ELF64_R_TYPE(entry_read.r_info)), 0, entry_read.r_addend});
    }
  }
}

}  // namespace libguard
