// SPDX-License-Identifier: Apache-2.0
// Recognises executables that are language runtimes: CPython by its own symbol or library, HotSpot by its library.
//
// Way:     exec -> *recognise* -> what the new program is judged as until its hello.
// Thread:  any; reads only.
// Failure: a file that is no sound 64-bit ELF is no runtime: the program is then its executable's library.
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/backend/notify/proc.h"
#include "core/base/search_path.h"

namespace libguard {
namespace {

constexpr size_t kMaxHeaders = 256, kMaxDynamic = 4096;
constexpr uint64_t kMaxStrings = 64u << 20;
constexpr size_t kShebangLine = 256;
constexpr int kMostScripts = 2;  // pyenv and others start one script by another

bool read_at(int fd, void* to, size_t size, uint64_t offset) {
  return pread(fd, to, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

bool file_offset(const std::vector<Elf64_Phdr>& headers, uint64_t address, uint64_t* offset) {
  for (const auto& header : headers) {
    if (header.p_type != PT_LOAD || address < header.p_vaddr || address - header.p_vaddr >= header.p_filesz) continue;
    *offset = address - header.p_vaddr + header.p_offset;
    return true;
  }
  return false;
}

// The strings of the dynamic section, and offsets into them of the needed libraries.
bool read_dynamic(int fd, std::string* strings, std::vector<uint64_t>* needed) {
  Elf64_Ehdr head;
  if (!read_at(fd, &head, sizeof(head), 0) || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 ||
      head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum > kMaxHeaders)
    return false;
  std::vector<Elf64_Phdr> headers(head.e_phnum);
  if (!read_at(fd, headers.data(), headers.size() * sizeof(Elf64_Phdr), head.e_phoff)) return false;
  std::vector<Elf64_Dyn> dynamic;
  for (const auto& header : headers) {
    if (header.p_type != PT_DYNAMIC || header.p_filesz / sizeof(Elf64_Dyn) > kMaxDynamic) continue;
    dynamic.resize(header.p_filesz / sizeof(Elf64_Dyn));
    if (!read_at(fd, dynamic.data(), dynamic.size() * sizeof(Elf64_Dyn), header.p_offset)) return false;
  }
  uint64_t table = 0, size = 0, offset = 0;
  for (const auto& entry : dynamic) {
    if (entry.d_tag == DT_NULL) break;
    if (entry.d_tag == DT_STRTAB) table = entry.d_un.d_ptr;
    if (entry.d_tag == DT_STRSZ) size = entry.d_un.d_val;
    if (entry.d_tag == DT_NEEDED) needed->push_back(entry.d_un.d_val);
  }
  if (size == 0 || size > kMaxStrings || !file_offset(headers, table, &offset)) return false;
  strings->resize(size);
  return read_at(fd, strings->data(), size, offset);
}

// "/usr/bin/python3 -s", and what env starts.
std::string interpreter_of(const char* shebang) {
  std::istringstream words(std::string(shebang, strcspn(shebang, "\n")));
  std::string word;
  words >> word;
  if (!word.ends_with("/env")) return word;
  while (words >> word)
    if (word[0] != '-' && word.find('=') == std::string::npos) return word;
  return {};
}

}  // namespace

bool elf_names_runtime(int fd) {
  std::string strings;
  std::vector<uint64_t> needed;
  if (!read_dynamic(fd, &strings, &needed)) return false;
  // The interpreter's own state: exported by python itself, imported by what embeds it.
  if (strings.find(std::string_view("\0_PyRuntime\0", 12)) != std::string::npos) return true;
  for (uint64_t at : needed) {
    if (at >= strings.size()) continue;
    std::string_view name(strings.c_str() + at);
    if (name.starts_with("libpython") || name.starts_with("libjvm.") || name.starts_with("libjli.")) return true;
  }
  return false;
}

bool command_names_runtime(const std::string& command) {
  std::string name = command;
  for (int script = 0; script <= kMostScripts; script++) {
    const int fd = open(found_in_path(name).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    char line[kShebangLine + 1] = "";
    const bool is_script = read_at(fd, line, 2, 0) && line[0] == '#' && line[1] == '!';
    if (is_script && pread(fd, line, kShebangLine, 2) <= 0) line[0] = '\0';
    const bool named = !is_script && elf_names_runtime(fd);
    close(fd);
    if (!is_script) return named;
    name = interpreter_of(line);
  }
  return false;
}

bool is_language_runtime(pid_t pid) {
  char path[40];
  std::snprintf(path, sizeof(path), "/proc/%d/exe", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool found = elf_names_runtime(fd);
  close(fd);
  return found;
}

}  // namespace libguard
