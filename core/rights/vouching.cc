// SPDX-License-Identifier: Apache-2.0
// The vouching table; docs/formats/rights.md shows it.
//
// Way:     events -> *stack* -> *verdict*.
// Thread:  constant table.
// Failure: none.
#include "core/rights/vouching.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "bpf/judge.h"

namespace libguard {
namespace {

constexpr uint16_t bit(lg_group group) { return static_cast<uint16_t>(1u << (group - LG_GROUP_NET_OUT)); }

constexpr uint16_t kForks = bit(LG_GROUP_PROCESS);
constexpr uint16_t kRuns = bit(LG_GROUP_EXEC) | kForks;
constexpr uint16_t kConnects = bit(LG_GROUP_NET_OUT);
constexpr uint16_t kTheft = bit(LG_GROUP_OBJECT_THEFT);
constexpr uint16_t kTraces = bit(LG_GROUP_TRACE_HOOK);

struct Entry {
  std::string_view module;
  uint16_t bits;
};

// Only who makes the call himself: ftplib connects through socket, asyncio starts programs through subprocess.
// tests/system/vouching proves each entry. `signal` is not here: a C function planted as a handler that fires inside it
// would be vouched for.
constexpr auto kVouching = std::to_array<Entry>({
    {"asyncio", kForks | kConnects},
    {"bdb", kTraces},
    {"cProfile", kTraces},
    {"ctypes", bit(LG_GROUP_NATIVE_LOAD)},
    {"doctest", kTraces},
    {"http", kRuns},
    {"logging", kConnects},
    {"multiprocessing", kRuns | kConnects},
    {"os", kRuns | bit(LG_GROUP_CHILD_POISON)},
    {"pdb", kTraces},
    {"profile", kTraces},
    {"profiling", kTraces},
    {"pty", kForks},
    {"smtplib", kConnects},
    {"socket", kConnects},
    {"socketserver", kForks | kConnects},
    {"ssl", kConnects},
    {"subprocess", kRuns},
    {"threading", kTraces},
    {"trace", kTraces},
    {"urllib", kConnects},
});

constexpr std::string_view kTrampolines[] = {"asyncio.events",     "asyncio.runners",      "asyncio.threads",
                                             "concurrent.futures", "multiprocessing.pool", "multiprocessing.process"};

// Frozen importlib loads native extensions; the others only read code.
constexpr std::string_view kImportLoaders[] = {"importlib._bootstrap"};
constexpr std::string_view kImportReaders[] = {"_frozen_importlib_external", "runpy", "zipimport"};

template <class Names>
bool names(const Names& table, std::string_view module) {
  return std::find(std::begin(table), std::end(table), module) != std::end(table);
}

// "concurrent.futures.thread" is part of "concurrent.futures".
bool is_part_of(std::string_view module, std::string_view package) {
  return module.starts_with(package) && (module.size() == package.size() || module[package.size()] == '.');
}

}  // namespace

bool is_trampoline(std::string_view dotted_module) {
  return std::any_of(std::begin(kTrampolines), std::end(kTrampolines),
                     [&](std::string_view trampoline) { return is_part_of(dotted_module, trampoline); });
}

uint16_t vouching_of(std::string_view dotted_module) {
  if (is_trampoline(dotted_module)) return LG_VOUCH_TRAMPOLINE;
  if (names(kImportLoaders, dotted_module)) return kTheft | bit(LG_GROUP_NATIVE_LOAD) | LG_VOUCH_IMPORT;
  if (names(kImportReaders, dotted_module)) return kTheft | LG_VOUCH_IMPORT;
  const std::string_view package = dotted_module.substr(0, dotted_module.find('.'));
  const auto entry =
      std::find_if(kVouching.begin(), kVouching.end(), [&](const Entry& known) { return known.module == package; });
  return static_cast<uint16_t>(kTheft | (entry == kVouching.end() ? 0 : entry->bits));
}

std::vector<std::string_view> vouching_modules() {
  std::vector<std::string_view> modules(std::begin(kTrampolines), std::end(kTrampolines));
  modules.insert(modules.end(), std::begin(kImportLoaders), std::end(kImportLoaders));
  modules.insert(modules.end(), std::begin(kImportReaders), std::end(kImportReaders));
  for (const Entry& entry : kVouching) modules.push_back(entry.module);
  std::sort(modules.begin(), modules.end());
  return modules;
}

}  // namespace libguard
