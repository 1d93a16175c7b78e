// SPDX-License-Identifier: Apache-2.0
// An ELF file that an attacker wrote: read as far as a summary and as rules for unwinding, or refused in one line.
//
// Bytes are changed anywhere, and half of the time inside of what the tables name: program headers, the dynamic
// section, symbols, relocations, frames. What makes a file an ELF file at all is put back, so that the rest is read.
#include <elf.h>

#include <algorithm>
#include <random>
#include <string>

#include "core/analysis/eh_frame.h"
#include "core/analysis/elf_image.h"
#include "core/analysis/frame_part.h"
#include "core/analysis/summary.h"
#include "core/analysis/unwind_rules.h"
#include "tests/fuzz/input.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace libguard {
namespace {

constexpr size_t kMostLooks = 32;

void unwind(const ElfImage& image, const Summary& summary) {
  UnwindRules rules(image);
  FrameParts parts(image);
  RegisterValues values;
  for (size_t reg = 0; reg < values.size(); reg++) values[reg] = image.lowest + 64 * reg;
  ReadWord read = [&](uint64_t address) { return image.read<uint64_t>(address); };
  const size_t step = std::max<size_t>(1, summary.function_count() / kMostLooks);
  for (size_t i = 0; i < summary.function_count(); i += step) {
    for (uint64_t address : {summary.functions[i].begin, summary.functions[i].end - 1}) {
      (void)parts.at(address);
      auto row = rules.at(address);
      if (!row) continue;
      require(row->function.contains(address), "a row is of the function that was asked for");
      if (auto cfa = row->cfa(values, read)) (void)row->caller(*cfa, values, read);
    }
  }
}

void check(const Summary& summary, const ElfImage& image) {
  for (size_t i = 0; i < summary.function_count(); i++) {
    const SummaryFunction& function = summary.functions[i];
    require(function.begin < function.end, "functions are not empty");
    require(i == 0 || summary.functions[i - 1].end <= function.begin, "functions are in order and apart");
    require(summary.find_function(function.begin) == i, "a function is found where it begins");
  }
  require(Summary::parse(summary.serialise()).has_value(), "what is kept can be read again");
  FrameTable table = read_eh_frame(image);
  require(table.functions.size() == table.programs.size(), "each frame has rules");
  for (size_t i = 0; i < table.functions.size(); i++) {
    require(image.is_code(table.functions[i].begin), "frames are of code");
    const uint32_t common = table.programs[i].common;
    require(common == FrameProgram::kBroken || common < table.commons.size(), "a frame's rules are there");
  }
}

void run(const uint8_t* data, size_t size) {
  auto image = ElfImage::parse({data, size}, "file");
  if (!image) {
    const Error& error = image.error();
    require(error.what.rfind("file", 0) == 0 && error.what.find('\n') == std::string::npos, "one line that names it");
    require(!error.hint.empty(), "an error says what to do");
    return;
  }
  Summary summary = summarise(*image, {{"syscall", 7}});
  check(summary, *image);
  unwind(*image, summary);
}

// Ranges of the file that its own tables name; of a file that cannot be read, its headers.
std::vector<AddressRange> structures(const uint8_t* data, size_t size) {
  std::vector<AddressRange> found = {
      {sizeof(Elf64_Ehdr), std::min<uint64_t>(size, sizeof(Elf64_Ehdr) + 12 * sizeof(Elf64_Phdr))}};
  Elf64_Ehdr header;
  std::memcpy(&header, data, sizeof header);
  auto add = [&](uint64_t offset, uint64_t length) {
    if (offset < size) found.push_back({offset, offset + std::min<uint64_t>(length, size - offset)});
  };
  for (uint64_t i = 0; i < header.e_phnum && i < 64; i++) {
    Elf64_Phdr part;
    const uint64_t place = header.e_phoff + i * sizeof part;
    if (place > size || size - place < sizeof part) break;
    std::memcpy(&part, data + place, sizeof part);
    if (part.p_type == PT_DYNAMIC || part.p_type == PT_GNU_EH_FRAME || part.p_type == PT_NOTE)
      add(part.p_offset, part.p_filesz);
  }
  if (auto image = ElfImage::parse({data, size}, "file")) {
    auto place_of = [&](uint64_t address) { return static_cast<uint64_t>(image->at(address).data() - data); };
    if (!image->at(image->eh_frame).empty()) add(place_of(image->eh_frame), 2048);
  }
  add(header.e_shoff, uint64_t{header.e_shnum} * sizeof(Elf64_Shdr));
  add(sizeof(Elf64_Ehdr) + header.e_phnum * sizeof(Elf64_Phdr), 4096);  // where linkers put symbols and relocations
  std::erase_if(found, [](const AddressRange& range) { return range.end <= range.begin; });
  return found;
}

void put_back_header(uint8_t* data) {
  Elf64_Ehdr header;
  std::memcpy(&header, data, sizeof header);
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = EM_X86_64;
  header.e_phentsize = sizeof(Elf64_Phdr);
  if (header.e_type != ET_EXEC) header.e_type = ET_DYN;
  std::memcpy(data, &header, sizeof header);
}

}  // namespace
}  // namespace libguard

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  libguard::run(data, size);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  std::minstd_rand random(seed);
  if (size < sizeof(Elf64_Ehdr) || random() % 8 == 0) return LLVMFuzzerMutate(data, size, most);
  auto ranges = libguard::structures(data, size);
  const libguard::AddressRange range = ranges[random() % ranges.size()];
  static constexpr uint64_t kSpecial[] = {0,    1, 8, 0x7f, 0xff, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000,
                                          ~0ull};
  for (int changes = static_cast<int>(random() % 3); changes >= 0; changes--) {
    const uint64_t place = range.begin + random() % (range.end - range.begin);
    const size_t width = std::min<size_t>(size_t{1} << random() % 4, size - place);
    uint64_t value = 0;
    std::memcpy(&value, data + place, width);
    const uint64_t kinds[] = {kSpecial[random() % 9], uint64_t{random()}, value + random() % 64, value - random() % 64};
    value = kinds[random() % 4];
    std::memcpy(data + place, &value, width);
  }
  libguard::put_back_header(data);
  return size;
}
