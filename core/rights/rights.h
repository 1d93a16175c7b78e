// SPDX-License-Identifier: Apache-2.0
// Rights and groups by name and number: the C++ face of bpf/rights.def.
//
// Way:     events -> stack -> *verdict*: what is judged.
// Thread:  constant tables.
// Failure: unknown names are empty optionals; suggest() offers the nearest name.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/judge.h"  // lg_classify, lg_group enum, right ids (from bpf/rights.def)

namespace libguard {

enum class Right : uint16_t {};  // 0..511 system calls, 512..639 splits, 640..1023 runtime operations
constexpr uint16_t number(Right right) { return static_cast<uint16_t>(right); }

// "openat:write", "execve", "py:ctypes.dlopen"; "syscall:999" for a number without a name. The bare name of a call
// that has splits means the rest of it: what no split took.
std::string right_name(Right right);
std::optional<Right> find_right(std::string_view name);  // also "syscall:NNN", NNN < 512
std::string_view group_name(lg_group group);             // "@file-read"
std::string_view group_description(lg_group group);      // one line for people
std::optional<lg_group> find_group(std::string_view name);
lg_group group_of(Right right);  // a number in no group is in @kernel
bool is_dangerous(lg_group group);
std::vector<Right> rights_of(lg_group group);                     // ascending; @kernel: the named ones
std::vector<Right> all_rights();                                  // every right the table names, ascending
std::vector<Right> rights_of_call(int number);                    // every right lg_classify may answer for this number
std::optional<std::string> suggest(std::string_view wrong_name);  // nearest right or group
std::optional<std::string> syscall_name(int number);

// The rules of all calls, those of one call in order and together.
inline std::span<const lg_rule> rules() { return {lg_rules, LG_RULE_COUNT}; }

// lg_classify and lg_needs_family for the six arguments of a call.
Right classify(uint32_t nr, const uint64_t* args, uint32_t self_tgid, uint32_t family);
bool needs_family(uint32_t nr, const uint64_t* args);

// A set of rights: bit per id.
class RightSet {
 public:
  void add(Right right) { word_[number(right) / 64] |= 1ull << (number(right) % 64); }
  void add(lg_group group);  // @kernel: with the numbers that have no name
  void add(const RightSet& other);
  void remove(const RightSet& other);
  bool has(Right right) const { return word_[number(right) / 64] >> (number(right) % 64) & 1; }
  bool has_all(lg_group group) const;
  bool empty() const;
  bool operator==(const RightSet&) const = default;
  std::vector<Right> rights() const;

 private:
  std::array<uint64_t, LG_MAX_RIGHTS / 64> word_{};
};

}  // namespace libguard
