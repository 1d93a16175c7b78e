// SPDX-License-Identifier: Apache-2.0
// Reads /proc/PID/maps and the symbols of its files.
//
// Way:     see function_place.h.
// Thread:  see function_place.h.
// Failure: see function_place.h.
#include "core/live/function_place.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "core/analysis/elf_image.h"

namespace libguard {
namespace {

struct Mapping {
  unsigned long low = 0, high = 0, offset = 0;
  char access[8] = "";
  std::string path;
};

bool parse_line(const std::string& line, Mapping* mapping) {
  int path_at = 0;
  if (std::sscanf(line.c_str(), "%lx-%lx %7s %lx %*s %*s %n", &mapping->low, &mapping->high, mapping->access,
                  &mapping->offset, &path_at) < 4)
    return false;
  mapping->path = line.substr(std::min(static_cast<size_t>(path_at), line.size()));
  return true;
}

bool is_called(const std::string& path, const std::string& name) {
  return path == name || path.substr(path.rfind('/') + 1) == name;
}

// Where in the process the address of the file stands, if this mapping is of the code around it.
uint64_t place_in(const ElfImage& image, const Mapping& mapping, uint64_t address) {
  for (const ElfSegment& segment : image.segments) {
    if (!segment.executable || !segment.memory.contains(address)) continue;
    const uint64_t offset = address - segment.memory.begin + segment.file_offset;
    if (offset >= mapping.offset && offset - mapping.offset < mapping.high - mapping.low)
      return mapping.low + (offset - mapping.offset);
  }
  return 0;
}

}  // namespace

Result<FunctionPlace> FunctionPlace::parse(const std::string& text) {
  FunctionPlace place;
  if (const size_t plus = text.rfind("+0x"); plus != std::string::npos) {
    char* end = nullptr;
    place.file_ = text.substr(0, plus);
    place.address_ = std::strtoull(text.c_str() + plus + 3, &end, 16);
    if (!place.file_.empty() && end != text.c_str() + plus + 3 && *end == 0) return place;
  } else if (const size_t colon = text.rfind(':'); colon != std::string::npos) {
    place.file_ = text.substr(0, colon);
    place.symbol_ = text.substr(colon + 1);
    if (!place.file_.empty() && !place.symbol_.empty()) return place;
  } else if (!text.empty()) {
    place.symbol_ = text;
    return place;
  }
  return fail(Code::kInvalid, "no function is named by '" + text + "'",
              "function:NAME, function:FILE:NAME or function:FILE+0xADDRESS, as objdump shows it");
}

// In the file's own terms.
std::optional<uint64_t> FunctionPlace::address_in(const std::string& host_path, const std::string& path) {
  if (address_) return address_;
  auto [known, is_new] = known_.try_emplace(path);
  if (!is_new) return known->second;
  auto image = ElfImage::open(host_path, path);
  if (!image) return {};
  for (const ElfSymbol& symbol : image->symbols)
    if (symbol.defined && symbol.is_function() && symbol.name == symbol_) known->second = symbol.value;
  for (const NamedRange& function : image->functions)
    if (!known->second && function.name == symbol_) known->second = function.range.begin;
  return known->second;
}

uint64_t FunctionPlace::find(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  char executable[4096];
  const ssize_t length = ::readlink((process + "/exe").c_str(), executable, sizeof(executable));
  const std::string program(executable, length > 0 ? static_cast<size_t>(length) : 0);
  std::ifstream maps(process + "/maps");
  std::string line;
  uint64_t found = 0;
  while (std::getline(maps, line)) {
    Mapping mapping;
    if (!parse_line(line, &mapping) || mapping.path.empty() || mapping.path[0] != '/') continue;
    // Code that others share is not ours to write to.
    if (mapping.access[2] != 'x' || mapping.access[3] != 'p') continue;
    const bool is_program = mapping.path == program;
    if (!file_.empty() && !is_called(mapping.path, file_)) continue;
    if (found != 0 && !is_program) continue;
    const std::string host_path = is_program ? process + "/exe" : process + "/root" + mapping.path;
    const auto address = address_in(host_path, mapping.path);
    if (!address) continue;
    auto image = ElfImage::open_head(host_path, mapping.path);
    const uint64_t place = image ? place_in(*image, mapping, *address) : 0;
    if (place != 0 && (found == 0 || is_program)) found = place;
  }
  return found;
}

}  // namespace libguard
