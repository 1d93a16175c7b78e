// SPDX-License-Identifier: Apache-2.0
// Union of two profiles: commutative, associative and idempotent, so that the order of recordings never matters.
//
// Way:     recording -> *profile* -> policy.
// Thread:  pure functions.
// Failure: none.
#include <algorithm>
#include <tuple>

#include "core/profile/profile.h"

namespace libguard {
namespace {

// What makes two observations the same; count and sample stack are not part of it.
struct Same {
  using Key = std::tuple<std::string, std::string, std::string, std::vector<std::string>, std::vector<std::string>,
                         std::string, Phase, Right>;
  static Key key(const Observation& o) {
    return {o.caller, o.direct, o.direct_function, o.libraries, o.spawners, o.program, o.phase, o.right};
  }
};

// A stack is better than none, a shorter one better than a longer one; then the alphabet decides.
bool better_stack(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  if (a.empty() != b.empty()) return b.empty();
  return std::make_tuple(a.size(), std::cref(a)) < std::make_tuple(b.size(), std::cref(b));
}

void add(std::map<Same::Key, Observation>& all, const std::vector<Observation>& observations) {
  for (const Observation& seen : observations) {
    auto [found, fresh] = all.emplace(Same::key(seen), seen);
    if (fresh) continue;
    Observation& kept = found->second;
    kept.count = std::max(kept.count, seen.count);
    if (better_stack(seen.stack, kept.stack)) kept.stack = seen.stack;
  }
}

template <class T>
std::vector<T> united(std::vector<T> a, const std::vector<T>& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::sort(a.begin(), a.end());
  a.erase(std::unique(a.begin(), a.end()), a.end());
  return a;
}

// Of two different values the first of the alphabet that says something.
template <class T>
T either(const T& a, const T& b) {
  if (a.empty() || b.empty()) return a.empty() ? b : a;
  return std::min(a, b);
}

void add(Profile::CodeAddresses& all, const Profile::CodeAddresses& more) {
  for (const auto& [file, addresses] : more) all[file].insert(addresses.begin(), addresses.end());
}

void add(Profile::Serving& all, const Profile::Serving& more) {
  all.stacks.insert(more.stacks.begin(), more.stacks.end());
  add(all.functions, more.functions);
  add(all.pointers, more.pointers);
  add(all.data, more.data);
}

}  // namespace

Profile merge(const Profile& a, const Profile& b) {
  Profile all;
  all.target.command = either(a.target.command, b.target.command);
  all.target.arch = either(a.target.arch, b.target.arch);
  all.target.kernel = either(a.target.kernel, b.target.kernel);
  all.target.serving_starts = either(a.target.serving_starts, b.target.serving_starts);
  all.target.masters = united(a.target.masters, b.target.masters);
  all.target.data = united(a.target.data, b.target.data);
  all.target.everyday = a.target.everyday && b.target.everyday;
  all.target.runtimes = united(a.target.runtimes, b.target.runtimes);
  all.code = a.code;
  for (const auto& [program, files] : b.code) all.code[program].insert(files.begin(), files.end());
  all.serving = a.serving;
  for (const auto& [program, serving] : b.serving) add(all.serving[program], serving);
  all.completeness = a.completeness;
  for (const auto& [cause, lost] : b.completeness) {
    uint64_t& known = all.completeness[cause];
    known = std::max(known, lost);
  }
  all.runs = united(a.runs, b.runs);
  std::map<Same::Key, Observation> observations;
  add(observations, a.observations);
  add(observations, b.observations);
  for (auto& [key, seen] : observations) all.observations.push_back(std::move(seen));
  all.derive();
  return all;
}

bool is_superset(const Profile& a, const Profile& b) {
  for (const auto& [library, phases] : b.libraries) {
    auto held = a.libraries.find(library);
    if (held == a.libraries.end()) return false;
    for (const auto& [phase, roles] : phases) {
      for (const auto& [role, rights] : roles) {
        RightSet missing = rights;
        if (auto p = held->second.find(phase); p != held->second.end())
          if (auto r = p->second.find(role); r != p->second.end()) missing.remove(r->second);
        if (!missing.empty()) return false;
      }
    }
  }
  return true;
}

}  // namespace libguard
