// SPDX-License-Identifier: Apache-2.0
// Compares what whole programs call, as whitelists of processes would hold it, and says through which functions.
//
// Way:     see diff.h.
// Thread:  pure functions.
// Failure: none.
#include <algorithm>

#include "core/event/format.h"
#include "core/policy/diff.h"
#include "core/policy/write.h"

namespace libguard {
namespace {

constexpr int kCalls = 512;  // numbers of rights below are those of system calls

using Programs = std::map<std::string, std::string>;  // name -> path

// By file name, so that two versions in two places are one program; one program on each side is the same one.
Programs programs_of(const Profile& profile) {
  Programs programs;
  for (const auto& [path, unused] : profile.processes) {
    const std::string name = path.substr(path.rfind('/') + 1);
    programs[programs.count(name) == 0 ? name : path] = path;
  }
  return programs;
}

std::set<int> calls_of(const Profile& profile, const std::string& program, Phase phase) {
  std::set<int> calls;
  const auto process = profile.processes.find(program);
  if (process == profile.processes.end() || process->second.count(phase) == 0) return calls;
  for (Right right : process->second.at(phase).rights()) {
    const std::string name = right_name(right);
    const auto call = find_right(name.substr(0, number(right) < kCalls ? name.size() : name.find(':')));
    if (call && number(*call) < kCalls) calls.insert(number(*call));
  }
  return calls;
}

std::string function_of(const std::string& frame) { return frame.substr(frame.find('|') + 1); }

// The shortest sample of a stack from which the call was made, outermost function first.
std::vector<std::string> way_to(const Profile& profile, const std::string& program, const std::string& call) {
  const std::vector<std::string>* best = nullptr;
  for (const Observation& seen : profile.observations) {
    if (seen.program != program || seen.stack.empty()) continue;
    const std::string name = right_name(seen.right);
    if (name.substr(0, name.find(':')) != call) continue;
    if (best == nullptr || seen.stack.size() < best->size()) best = &seen.stack;
  }
  std::vector<std::string> way;
  if (best != nullptr) std::transform(best->rbegin(), best->rend(), std::back_inserter(way), function_of);
  return way;
}

// Calls of `more` that `less` lacks.
void beyond(const Profile& more, const std::string& program, const Profile& less, const std::string& other, bool added,
            const std::string& name, std::vector<CallChange>& changes) {
  std::map<Phase, std::set<int>> extra;
  for (Phase phase : kEveryPhase) {
    const std::set<int> held = calls_of(less, other, phase);
    for (int call : calls_of(more, program, phase))
      if (held.count(call) == 0) extra[phase].insert(call);
  }
  std::set<int> all = extra[Phase::kInit];
  all.insert(extra[Phase::kServing].begin(), extra[Phase::kServing].end());
  for (int call : all) {
    const bool init = extra[Phase::kInit].count(call) != 0, serving = extra[Phase::kServing].count(call) != 0;
    const std::string called = right_name(Right{static_cast<uint16_t>(call)});
    const bool dangerous = is_dangerous(group_of(Right{static_cast<uint16_t>(call)}));
    const std::string phase = init && serving ? "" : std::string(phase_name(init ? Phase::kInit : Phase::kServing));
    changes.push_back({name, added, called, phase, way_to(more, program, called), dangerous});
  }
}

}  // namespace

std::vector<CallChange> diff_calls(const Profile& a, const Profile& b) {
  std::vector<CallChange> changes;
  if (!a.target.everyday || !b.target.everyday) return changes;  // most calls were not looked at
  Programs before = programs_of(a), after = programs_of(b);
  if (before.size() == 1 && after.size() == 1) before = {{after.begin()->first, before.begin()->second}};
  for (const auto& [name, path] : after) {
    const auto old = before.find(name);
    if (old == before.end()) continue;  // a new program is no change of one
    beyond(b, path, a, old->second, true, name, changes);
    beyond(a, old->second, b, path, false, name, changes);
  }
  std::stable_sort(changes.begin(), changes.end(), [](const CallChange& x, const CallChange& y) {
    return std::tie(x.program, y.added, y.dangerous, x.call) < std::tie(y.program, x.added, x.dangerous, y.call);
  });
  return changes;
}

std::string to_text(const std::vector<CallChange>& changes) {
  std::string text;
  const std::string* program = nullptr;
  for (const CallChange& change : changes) {
    if (program == nullptr || *program != change.program)
      text += "calls of " + printable(change.program, 200) + ", and a way to each\n";
    program = &change.program;
    text += std::string("  ") + (change.added ? "+ " : "- ") + (change.dangerous ? "! " : "  ") + change.call;
    if (!change.phase.empty()) text += " in " + change.phase + " only";
    for (size_t i = 0; i < change.way.size(); i++) text += (i == 0 ? ": " : " > ") + printable(change.way[i], 200);
    text += "\n";
  }
  return text;
}

}  // namespace libguard
