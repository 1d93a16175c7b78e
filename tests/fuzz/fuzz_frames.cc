// SPDX-License-Identifier: Apache-2.0
// Frames that are valid where it matters: lengths, ids and pointers of CIEs and FDEs lead where they should, and
// everything inside of them is arbitrary. Each FDE must be found; rules of known instructions are compared with a
// second, simple reading.
#include <elf.h>

#include <string>
#include <vector>

#include "core/analysis/eh_frame.h"
#include "core/analysis/frame_part.h"
#include "core/analysis/unwind_rules.h"
#include "tests/fuzz/input.h"

namespace libguard {
namespace {

constexpr uint64_t kCode = 0x1000, kCodeSize = 0x400, kFrames = 0x2000;
constexpr uint32_t kFunctionSize = 64;

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_record(std::string& frames, std::string body) {
  body.resize((body.size() + 3) & ~size_t{3});
  append(frames, static_cast<uint32_t>(body.size()));
  frames += body;
}

// One function of the code: its rules as they should be read.
struct Plan {
  uint64_t begin = 0;
  bool known = true;                                // only instructions that the plan understands
  std::vector<std::pair<uint64_t, uint64_t>> rows;  // from this address on: offset of the CFA
};

// Advances and offsets that the plan follows, or arbitrary bytes.
std::string frame_program(Input& input, Plan& plan) {
  std::string program;
  uint64_t here = plan.begin, offset = 8;
  plan.rows = {{here, offset}};
  for (int steps = input.take<uint8_t>() % 8; steps > 0; steps--) {
    const uint8_t kind = input.take<uint8_t>() % 6;
    const uint8_t value = input.take<uint8_t>();
    if (kind == 0) {
      program += static_cast<char>(0x40 | (value & 0x3f));
      here += value & 0x3f;
    } else if (kind == 1) {
      program += {'\x02', static_cast<char>(value)};
      here += value;
    } else if (kind == 2) {
      program += {'\x0e', static_cast<char>(value & 0x7f)};
      offset = value & 0x7f;
    } else if (kind == 3) {
      program += {static_cast<char>(0x80 | (value & 15)), '\x02'};
    } else if (kind == 4) {
      program += static_cast<char>(0);
    } else {
      plan.known = false;
      for (int bytes = value % 24; bytes >= 0; bytes--) program += static_cast<char>(input.take<uint8_t>());
    }
    plan.rows.push_back({here, offset});
  }
  return program;
}

std::string common_record(Input& input, bool& known) {
  std::string body;
  append(body, uint32_t{0});
  body += '\x01';
  body.append("zR", 3);
  const uint8_t odd = input.take<uint8_t>();
  known = odd % 4 != 0;
  if (known)
    body += {'\x01', '\x78', '\x10'};  // code 1, data -8, return address in column 16
  else
    for (int numbers = 0; numbers < 3; numbers++) body += static_cast<char>(input.take<uint8_t>() & 0x7f);
  body += {'\x01', '\x1b'};                   // pointers: 32 bits, relative to themselves
  body += {'\x0c', '\x07', '\x08'};           // CFA: rsp + 8
  body += {static_cast<char>(0x90), '\x01'};  // return address below it
  return body;
}

std::string frames_from(Input& input, std::vector<Plan>& plans) {
  std::string frames;
  for (int commons = input.take<uint8_t>() % 3; commons >= 0; commons--) {
    const uint64_t common = frames.size();
    bool known = true;
    append_record(frames, common_record(input, known));
    for (int count = input.take<uint8_t>() % 4; count >= 0 && plans.size() < kCodeSize / kFunctionSize; count--) {
      Plan plan;
      plan.begin = kCode + kFunctionSize * plans.size();
      plan.known = known;
      const uint64_t id_place = frames.size() + 4, pointer_place = kFrames + id_place + 4;
      std::string body;
      append(body, static_cast<uint32_t>(id_place - common));
      append(body, static_cast<int32_t>(plan.begin - pointer_place));
      append(body, kFunctionSize);
      body += '\0';  // nothing added
      body += frame_program(input, plan);
      append_record(frames, body);
      plans.push_back(plan);
    }
  }
  append(frames, uint32_t{0});
  return frames;
}

std::string file_from(Input& input, std::vector<Plan>& plans) {
  const std::string frames = frames_from(input, plans);
  std::string code(kCodeSize, '\xc3');
  input.take(code.data(), std::min<size_t>(input.left(), code.size()));
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = EM_X86_64;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 3;
  const uint64_t code_at = sizeof header + 3 * sizeof(Elf64_Phdr), frames_at = code_at + code.size();
  const uint64_t index_at = frames_at + frames.size(), index = kFrames + frames.size();
  std::string file(reinterpret_cast<const char*>(&header), sizeof header);
  append(file, Elf64_Phdr{PT_LOAD, PF_R | PF_X, code_at, kCode, kCode, code.size(), code.size(), 1});
  append(file, Elf64_Phdr{PT_LOAD, PF_R, frames_at, kFrames, kFrames, frames.size() + 8, frames.size() + 8, 1});
  append(file, Elf64_Phdr{PT_GNU_EH_FRAME, PF_R, index_at, index, index, 8, 8, 1});
  file += code + frames;
  append(file, uint32_t{0xffff1b01});
  append(file, static_cast<int32_t>(kFrames - (index + 4)));
  return file;
}

void compare(const UnwindRules& rules, const Plan& plan, uint64_t address) {
  uint64_t expected = 0;
  for (auto [from, offset] : plan.rows)
    if (from <= address) expected = offset;
  auto row = rules.at(address);
  require(row && row->cfa_register == kDwarfRsp, "rules of known instructions are understood");
  require(static_cast<uint64_t>(row->cfa_offset) == expected, "the CFA is where the instructions say");
}

void run(Input& input) {
  std::vector<Plan> plans;
  const std::string file = file_from(input, plans);
  auto image = ElfImage::parse({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, "file");
  require(image.has_value(), "the file is good");
  FrameTable table = read_eh_frame(*image);
  require(!table.broken && table.functions.size() == plans.size(), "each frame is found");
  UnwindRules rules(*image);
  FrameParts parts(*image);
  RegisterValues values;
  values.fill(kFrames);
  ReadWord read = [&](uint64_t address) { return image->read<uint64_t>(address); };
  for (const Plan& plan : plans) {
    require(rules.is_function(plan.begin), "a function begins where its frame says");
    for (uint64_t address = plan.begin; address < plan.begin + kFunctionSize; address += 7) {
      if (plan.known) compare(rules, plan, address);
      (void)parts.at(address);
      auto row = rules.at(address);
      if (!row) continue;
      if (auto cfa = row->cfa(values, read)) (void)row->caller(*cfa, values, read);
    }
  }
}

}  // namespace
}  // namespace libguard

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  libguard::Input input(data, size);
  libguard::run(input);
  return 0;
}
