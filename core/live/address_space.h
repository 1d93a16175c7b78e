// SPDX-License-Identifier: Apache-2.0
// AddressSpace: which file, and which address in it, stands where in the memory of a process.
//
// Way:     process -> *places in files* -> stacks, pointers -> profile.
// Thread:  one at a time; files are shared by the address spaces of one LiveFiles.
// Failure: files that are gone or are no ELF files have no places.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/analysis/frame_part.h"
#include "core/analysis/unwind_rules.h"

namespace libguard {

// A file with code that some process has in its memory.
class LiveFile {
 public:
  LiveFile(std::string from, ElfImage with) : path(std::move(from)), image(std::move(with)), rules(image) {}
  const UnwindRow* row_at(uint64_t address) const;  // null: no rules there
  std::optional<uint64_t> address_of(uint64_t file_offset) const;
  FrameParts& parts() const;

  const std::string path;
  const ElfImage image;
  const UnwindRules rules;

 private:
  mutable std::unordered_map<uint64_t, std::optional<UnwindRow>> rows_;
  mutable std::unique_ptr<FrameParts> parts_;
};

class LiveFiles {
 public:
  const LiveFile* open(const std::string& path);  // null: no ELF file

 private:
  std::map<std::string, std::unique_ptr<LiveFile>> files_;
};

struct CodePlace {
  const LiveFile* file = nullptr;
  uint64_t address = 0;  // in the file's own terms
};

class AddressSpace {
 public:
  struct Mapping {
    uint64_t low = 0, high = 0, offset = 0;
    bool readable = false, writable = false, executable = false;
    std::string path;
    const LiveFile* file = nullptr;  // of executable mappings, and of data of such files
    bool contains(uint64_t address) const { return address >= low && address < high; }
  };

  AddressSpace(pid_t pid, LiveFiles& files) : pid_(pid), files_(files) {}
  bool refresh();  // reads /proc/PID/maps
  const std::vector<Mapping>& mappings() const { return mappings_; }
  const Mapping* mapping_of(uint64_t address) const;
  std::optional<CodePlace> code_at(uint64_t address) const;   // in an executable mapping
  std::optional<CodePlace> place_of(uint64_t address) const;  // in any mapping of a file with code
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
  LiveFiles& files_;
  std::vector<Mapping> mappings_;  // ascending
};

}  // namespace libguard
