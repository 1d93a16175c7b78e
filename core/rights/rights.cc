// SPDX-License-Identifier: Apache-2.0
// Names of rights and groups, looked up in tables made of bpf/rights.def.
//
// Way:     events -> stack -> *verdict*.
// Thread:  constant tables, the index by name is built once.
// Failure: unknown names are empty optionals.
#include "core/rights/rights.h"

#include <algorithm>
#include <charconv>
#include <map>

namespace libguard {
namespace {

constexpr std::string_view kSyscallPrefix = "syscall:";

struct GroupText {
  std::string_view name, what;
};
constexpr GroupText kGroups[LG_GROUPS] = {
#define LG_GROUP(id, name, what) {name, what},
#include "bpf/rights.def"
};

struct Named {
  uint16_t id;
  std::string_view name;
};
constexpr Named kRights[] = {
#define LG_SYSCALL(nr, name, group) {nr, #name},
#define LG_SPLIT_CALL(nr, name, group) {nr, #name},
#define LG_SPLIT(id, constant, name, group) {id, name},
#define LG_OPERATION(id, constant, name, group) {id, name},
#include "bpf/rights.def"
};

std::string_view name_of(uint16_t id) {
  const auto found = std::lower_bound(std::begin(kRights), std::end(kRights), id,
                                      [](const Named& named, uint16_t wanted) { return named.id < wanted; });
  return found != std::end(kRights) && found->id == id ? found->name : std::string_view{};
}

const std::map<std::string_view, uint16_t>& ids_by_name() {
  static const auto* const kIndex = [] {
    auto* index = new std::map<std::string_view, uint16_t>;
    for (const Named& named : kRights) index->emplace(named.name, named.id);
    return index;
  }();
  return *kIndex;
}

// Ids that a group holds: the named ones, and every number of a system call.
bool is_in_group(uint16_t id, lg_group group) {
  return lg_group_of(id) == group && (id < LG_FIRST_SPLIT || !name_of(id).empty());
}

// Number of single-letter edits between two names.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); j++) row[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string right_name(Right right) {
  const std::string_view name = name_of(number(right));
  return name.empty() ? std::string(kSyscallPrefix) + std::to_string(number(right)) : std::string(name);
}

std::optional<Right> find_right(std::string_view name) {
  if (const auto found = ids_by_name().find(name); found != ids_by_name().end()) return Right{found->second};
  if (!name.starts_with(kSyscallPrefix)) return std::nullopt;
  name.remove_prefix(kSyscallPrefix.size());
  uint16_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc{} || end != name.data() + name.size() || id >= LG_FIRST_SPLIT) return std::nullopt;
  return Right{id};
}

std::string_view group_name(lg_group group) { return kGroups[group].name; }

std::string_view group_description(lg_group group) { return kGroups[group].what; }

std::optional<lg_group> find_group(std::string_view name) {
  for (int group = 0; group < LG_GROUPS; group++)
    if (kGroups[group].name == name) return static_cast<lg_group>(group);
  return std::nullopt;
}

lg_group group_of(Right right) { return static_cast<lg_group>(lg_group_of(number(right))); }

bool is_dangerous(lg_group group) { return lg_is_dangerous(static_cast<uint8_t>(group)); }

std::vector<Right> rights_of(lg_group group) {
  std::vector<Right> rights;
  for (const Named& named : kRights)
    if (group_of(Right{named.id}) == group) rights.push_back(Right{named.id});
  return rights;
}

std::vector<Right> all_rights() {
  std::vector<Right> rights;
  for (const Named& named : kRights) rights.push_back(Right{named.id});
  return rights;
}

std::vector<Right> rights_of_call(int call) {
  const auto nr = static_cast<uint16_t>(call < 0 || call > LG_RIGHT_NO_CALL ? LG_RIGHT_NO_CALL : call);
  std::vector<Right> rights;
  bool rest = true;
  for (const lg_rule& rule : rules()) {
    if (rule.nr != nr) continue;
    rights.push_back(Right{rule.right});
    rest = rest && std::any_of(std::begin(rule.test), std::end(rule.test),
                               [](const lg_test& test) { return test.kind != LG_TEST_ALWAYS; });
  }
  if (rest) rights.push_back(Right{nr});
  std::sort(rights.begin(), rights.end());
  rights.erase(std::unique(rights.begin(), rights.end()), rights.end());
  return rights;
}

std::optional<std::string> suggest(std::string_view wrong_name) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, wrong_name.size() / 3) + 1;
  const auto offer = [&](std::string_view name) {
    if (const size_t edits = distance(wrong_name, name); edits < best_distance) {
      best = name;
      best_distance = edits;
    }
  };
  for (const GroupText& group : kGroups) {
    offer(group.name);
    if (wrong_name == group.name.substr(1)) return std::string(group.name);  // the @ was forgotten
  }
  for (const Named& named : kRights) offer(named.name);
  return best.empty() ? std::nullopt : std::optional<std::string>(best);
}

std::optional<std::string> syscall_name(int call) {
  if (call < 0 || call >= LG_NUMBERS) return std::nullopt;
  const std::string_view name = name_of(static_cast<uint16_t>(call));
  return name.empty() ? std::nullopt : std::optional<std::string>(name);
}

Right classify(uint32_t nr, const uint64_t* args, uint32_t self_tgid, uint32_t family) {
  const __u64 registers[6] = {args[0], args[1], args[2], args[3], args[4], args[5]};
  return Right{lg_classify(nr, registers, self_tgid, family)};
}

bool needs_family(uint32_t nr, const uint64_t* args) {
  const __u64 registers[6] = {args[0], args[1], args[2], args[3], args[4], args[5]};
  return lg_needs_family(nr, registers) != 0;
}

void RightSet::add(lg_group group) {
  for (uint16_t id = 0; id < LG_MAX_RIGHTS; id++)
    if (is_in_group(id, group)) add(Right{id});
}

void RightSet::add(const RightSet& other) {
  for (size_t i = 0; i < word_.size(); i++) word_[i] |= other.word_[i];
}

void RightSet::remove(const RightSet& other) {
  for (size_t i = 0; i < word_.size(); i++) word_[i] &= ~other.word_[i];
}

bool RightSet::has_all(lg_group group) const {
  for (uint16_t id = 0; id < LG_MAX_RIGHTS; id++)
    if (is_in_group(id, group) && !has(Right{id})) return false;
  return true;
}

bool RightSet::empty() const {
  return std::all_of(word_.begin(), word_.end(), [](uint64_t word) { return word == 0; });
}

std::vector<Right> RightSet::rights() const {
  std::vector<Right> rights;
  for (uint16_t id = 0; id < LG_MAX_RIGHTS; id++)
    if (has(Right{id})) rights.push_back(Right{id});
  return rights;
}

}  // namespace libguard
