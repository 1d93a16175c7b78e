// SPDX-License-Identifier: Apache-2.0
// Reads the notes of an ELF file that name its USDT probes.
//
// Way:     see python_probes.h.
// Thread:  any.
// Failure: see python_probes.h.
#include "core/backend/bpf/python_probes.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace libguard {
namespace {

constexpr uint64_t kMaxBytes = 64u << 20;
constexpr uint32_t kProbeNote = 3;  // NT_STAPSDT

class ElfFile {
 public:
  explicit ElfFile(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~ElfFile() {
    if (fd_ >= 0) close(fd_);
  }
  ElfFile(const ElfFile&) = delete;
  ElfFile& operator=(const ElfFile&) = delete;

  bool open_headers();
  std::string section(std::string_view name) const;  // "" if there is none
  uint64_t section_address(std::string_view name) const;
  // Of an address as linked; 0: it is in no loaded part of the file.
  uint64_t offset_of(uint64_t address) const;
  uint64_t base() const;
  bool identity(FileIdentity* file) const;

 private:
  bool read(void* to, uint64_t size, uint64_t offset) const {
    return pread(fd_, to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
  }
  const Elf64_Shdr* find(std::string_view name) const;

  int fd_;
  std::vector<Elf64_Phdr> loads_;
  std::vector<Elf64_Shdr> sections_;
  std::string names_;
};

bool ElfFile::open_headers() {
  Elf64_Ehdr head;
  if (fd_ < 0 || !read(&head, sizeof(head), 0) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
      head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr) ||
      head.e_shentsize != sizeof(Elf64_Shdr) || head.e_shstrndx >= head.e_shnum)
    return false;
  loads_.resize(head.e_phnum);
  sections_.resize(head.e_shnum);
  if (!read(loads_.data(), loads_.size() * sizeof(Elf64_Phdr), head.e_phoff) ||
      !read(sections_.data(), sections_.size() * sizeof(Elf64_Shdr), head.e_shoff))
    return false;
  std::erase_if(loads_, [](const Elf64_Phdr& header) { return header.p_type != PT_LOAD; });
  const Elf64_Shdr& names = sections_[head.e_shstrndx];
  if (names.sh_size > kMaxBytes || loads_.empty()) return false;
  names_.resize(names.sh_size);
  return read(names_.data(), names_.size(), names.sh_offset);
}

const Elf64_Shdr* ElfFile::find(std::string_view name) const {
  for (const Elf64_Shdr& one : sections_)
    if (one.sh_name < names_.size() && name == names_.c_str() + one.sh_name) return &one;
  return nullptr;
}

std::string ElfFile::section(std::string_view name) const {
  const Elf64_Shdr* found = find(name);
  if (found == nullptr || found->sh_type == SHT_NOBITS || found->sh_size > kMaxBytes) return {};
  std::string bytes(found->sh_size, '\0');
  return read(bytes.data(), bytes.size(), found->sh_offset) ? bytes : "";
}

uint64_t ElfFile::section_address(std::string_view name) const {
  const Elf64_Shdr* found = find(name);
  return found == nullptr ? 0 : found->sh_addr;
}

uint64_t ElfFile::offset_of(uint64_t address) const {
  for (const Elf64_Phdr& load : loads_)
    if (address >= load.p_vaddr && address - load.p_vaddr < load.p_filesz)
      return address - load.p_vaddr + load.p_offset;
  return 0;
}

uint64_t ElfFile::base() const {
  uint64_t lowest = ~uint64_t{0};
  for (const Elf64_Phdr& load : loads_) lowest = std::min<uint64_t>(lowest, load.p_vaddr & ~uint64_t{4095});
  return lowest;
}

bool ElfFile::identity(FileIdentity* file) const {
  struct stat status;
  if (fstat(fd_, &status) != 0) return false;
  file->device = status.st_dev;
  file->inode = status.st_ino;
  return true;
}

struct Probe {
  uint64_t address = 0, semaphore = 0;
};

size_t padded(size_t size) { return (size + 3) & ~size_t{3}; }

// The probes of the provider `python`, by name. The notes were written before the file was linked for good: what
// `base` moved by since, all moved by.
std::multimap<std::string, Probe> probes_in(const std::string& notes, uint64_t base) {
  std::multimap<std::string, Probe> found;
  for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= notes.size();) {
    Elf64_Nhdr head;
    std::memcpy(&head, notes.data() + at, sizeof(head));
    const size_t text = at + sizeof(head) + padded(head.n_namesz), end = text + padded(head.n_descsz);
    uint64_t places[3];
    if (end > notes.size() || end <= at) break;
    at = end;
    if (head.n_type != kProbeNote || head.n_descsz < sizeof(places)) continue;
    std::memcpy(places, notes.data() + text, sizeof(places));
    const std::string names = notes.substr(text + sizeof(places), head.n_descsz - sizeof(places));
    const std::string provider = names.c_str();
    if (provider != "python" || names.size() <= provider.size() + 1) continue;
    const uint64_t moved = base == 0 ? 0 : base - places[1];
    found.emplace(names.c_str() + provider.size() + 1,
                  Probe{places[0] + moved, places[2] == 0 ? 0 : places[2] + moved});
  }
  return found;
}

}  // namespace

Result<PythonProbes> read_probes(const std::string& path) {
  ElfFile file(path);
  if (!file.open_headers()) return fail(Code::kInvalid, path + " is no 64-bit ELF file", "name the interpreter itself");
  PythonProbes probes;
  std::error_code error;
  probes.path = std::filesystem::canonical(path, error).string();
  probes.base = file.base();
  const auto found = probes_in(file.section(".note.stapsdt"), file.section_address(".stapsdt.base"));
  // Py_Version is new in 3.11, and exported; the probe `line` came back in no version after it.
  const bool newer = file.section(".dynstr").find(std::string_view("\0Py_Version\0", 12)) != std::string::npos;
  probes.traces_lines = newer && found.contains("line");
  probes.hides_exceptions = newer && !found.contains("line");
  for (const auto& [name, probe] : found) {
    const bool entry = name == "function__entry", leaves = name == "function__return";
    if (entry) probes.entries.push_back(file.offset_of(probe.address));
    if (leaves) probes.returns.push_back(file.offset_of(probe.address));
    const bool raised = entry || leaves || (name == "line" && probes.traces_lines);
    if (raised && probe.semaphore != 0) probes.semaphores.push_back(probe.semaphore);
  }
  std::sort(probes.semaphores.begin(), probes.semaphores.end());
  probes.semaphores.erase(std::unique(probes.semaphores.begin(), probes.semaphores.end()), probes.semaphores.end());
  if (probes.entries.empty() || probes.returns.empty() || !file.identity(&probes.file))
    return fail(Code::kUnsupported, path + " has no probes function__entry and function__return",
                "leave --feed out: the walk needs none; libguard doctor --python PATH says what an interpreter has");
  return probes;
}

Result<std::string> interpreter_of(const std::string& command, int scripts) {
  std::error_code error;
  std::string found = command;
  const char* search = std::getenv("PATH");
  std::istringstream places(command.find('/') == std::string::npos && search != nullptr ? search : "");
  for (std::string place; std::getline(places, place, ':') && found == command;)
    if (access((place + "/" + command).c_str(), X_OK) == 0) found = place + "/" + command;
  char start[256] = "";
  std::ifstream(found, std::ios::binary).read(start, sizeof(start) - 1);
  if (std::strncmp(start, "#!", 2) != 0 || scripts == 0) {
    found = std::filesystem::canonical(found, error).string();
    if (!error) return found;
    return fail(Code::kNotFound, "no such command: " + command, "is it the right name, and executable?");
  }
  std::istringstream line(std::string(start + 2, std::strcspn(start + 2, "\n")));
  std::string first, second;
  line >> first >> second;
  return interpreter_of(std::filesystem::path(first).filename() == "env" ? second : first, scripts - 1);
}

bool runs(pid_t pid, const PythonProbes& probes) {
  struct stat status;
  if (stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &status) != 0) return false;
  return probes.file == FileIdentity{status.st_dev, status.st_ino};
}

bool raise_semaphores(pid_t pid, const PythonProbes& probes) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::error_code error;
  const std::string executable = std::filesystem::read_symlink(process + "/exe", error).string();
  std::ifstream maps(process + "/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long start = 0, offset = 0;
    if (!line.ends_with(" " + executable) || std::sscanf(line.c_str(), "%lx-%*x %*s %lx", &start, &offset) != 2)
      continue;
    if (offset != 0) continue;
    for (uint64_t semaphore : probes.semaphores) {
      uint16_t value = 0;
      iovec here{&value, sizeof(value)};
      iovec there{reinterpret_cast<void*>(semaphore - probes.base + start), sizeof(value)};
      if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof(value)) return false;
      value++;
      if (process_vm_writev(pid, &here, 1, &there, 1, 0) != sizeof(value)) return false;
    }
    return true;
  }
  return false;
}

}  // namespace libguard
