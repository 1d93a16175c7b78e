// SPDX-License-Identifier: Apache-2.0
// Builds the subject and the one row of the matrix that lg_judge needs for an observation.
//
// Way:     profile or events -> *verdict*.
// Thread:  the matrix is kept per thread: it is large, and only the rows of one right are written.
// Failure: none.
#include "core/policy/judge.h"

#include <algorithm>
#include <memory>

#include "core/library/library.h"

namespace libguard {
namespace {

void set_bit(lg_set& set, uint16_t id) { set.word[id / 64] |= 1ull << (id % 64); }

// Numbers the names of one observation and lays out its subject.
class Subject {
 public:
  explicit Subject(const Observation& seen) : seen_(seen) {
    subject_.phase = static_cast<uint32_t>(seen.phase);
    for (const std::string& library : seen.libraries) set_bit(subject_.stack.active, number_of(library));
    for (const std::string& library : seen.spawners) set_bit(subject_.spawners, number_of(library));
    subject_.stack.caller = number_of(seen.caller);
    subject_.stack.direct = number_of(seen.direct_library());
    subject_.stack.depth_capped = static_cast<uint16_t>(std::min<size_t>(seen.stack.size(), 65535));
    if (seen.direct_function == kProgramFunction) subject_.stack.flags = LG_STACK_PROGRAM;
    if (seen.direct_function.empty()) subject_.stack.flags |= LG_STACK_STARTER;  // else its cell was asked for
    // The recorded caller is who was judged: a runtime that vouched, or that called for a noted submitter.
    subject_.stack.direct_vouching = seen.caller == kRuntimeName ? 0 : 0xffff;
  }

  const lg_subject& get() const { return subject_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  uint16_t number_of(const std::string& name) {
    auto found = std::find(names_.begin(), names_.end(), name);
    auto place = static_cast<size_t>(found - names_.begin());
    if (found == names_.end()) {
      if (names_.size() >= LG_MAX_LIBRARIES) return LG_UNKNOWN;
      names_.push_back(name);
    }
    return static_cast<uint16_t>(place);
  }

  const Observation& seen_;
  lg_subject subject_{};
  std::vector<std::string> names_ = {std::string(kUnknownName), std::string(kApplicationName),
                                     std::string(kRuntimeName), std::string(kStartupName)};
};

void fill_rows(const Rules& rules, const Observation& seen, const std::vector<std::string>& names, lg_matrix& matrix) {
  for (Role role : kEveryRole) {
    lg_set& row = matrix.deny[static_cast<int>(seen.phase)][static_cast<int>(role)][number(seen.right)];
    row = {};
    for (size_t id = 0; id < names.size(); id++)
      if (!rules.holds(names[id], seen.phase, role, seen.right)) set_bit(row, static_cast<uint16_t>(id));
  }
}

bool function_known(const Rules& rules, const Observation& seen) {
  return !seen.direct_function.empty() &&
         rules.knows_function(cell_library(seen), group_of(seen.right), seen.direct_function);
}

}  // namespace

Judged judge(const Rules& rules, const Observation& seen) {
  if (!rules.is_listed(seen.phase, seen.right)) return {false, {{seen.caller, "process"}}};
  thread_local const auto kMatrix = std::make_unique<lg_matrix>();
  Subject subject(seen);
  fill_rows(rules, seen, subject.names(), *kMatrix);
  lg_verdict verdict{};
  lg_judge(kMatrix.get(), &subject.get(), number(seen.right), function_known(rules, seen), &verdict);
  Judged judged;
  judged.allowed = verdict.allowed;
  const std::vector<std::string>& names = subject.names();
  if (verdict.caller_is_culprit) judged.culprits.push_back({names[verdict.caller], "caller"});
  if (verdict.function_is_culprit) judged.culprits.push_back({cell_library(seen), "function"});
  for (LibraryId id : LibrarySet(verdict.stack_culprits).ids()) judged.culprits.push_back({names[number(id)], "stack"});
  for (LibraryId id : LibrarySet(verdict.spawned_culprits).ids())
    judged.culprits.push_back({names[number(id)], "spawned"});
  return judged;
}

std::string function_of(const Event& event, std::string_view purl) {
  if (event.stack.empty() || is_native_program(event)) return std::string(kProgramFunction);
  for (const EventFrame& frame : event.stack)
    if (frame.purl == purl) return frame.frame;
  return "";
}

Judged judge(const Rules& rules, const Event& event) {
  Judged judged;
  Phase phase = event.phase == "serving" ? Phase::kServing : Phase::kInit;
  auto right = find_right(event.right_name);
  for (const Culprit& culprit : event.culprits) {
    bool held = false;
    if (right && culprit.role == "function")
      held = rules.knows_function(culprit.purl, group_of(*right), function_of(event, culprit.purl));
    if (right && culprit.role == "process") held = rules.is_listed(phase, *right);
    for (Role role : kEveryRole)
      if (right && culprit.role == role_name(role)) held = rules.holds(culprit.purl, phase, role, *right);
    if (!held) judged.culprits.push_back(culprit);
  }
  judged.allowed = judged.culprits.empty();
  return judged;
}

Event as_event(const Rules& rules, const Observation& seen, const Judged& judged) {
  Event event;
  event.kind = "deviation";
  event.mode = mode_name(rules.mode());
  event.action = action_name(rules.action(seen.right));
  event.phase = phase_name(seen.phase);
  event.exe = seen.program;
  event.caller = seen.caller;
  event.culprits = judged.culprits;
  event.right_name = right_name(seen.right);
  event.right_group = group_name(group_of(seen.right));
  event.count = std::max<uint64_t>(seen.count, 1);
  for (const std::string& frame : seen.stack) {
    size_t bar = std::min(frame.find('|'), frame.size());
    event.stack.push_back({frame.substr(0, bar), bar == frame.size() ? "" : frame.substr(bar + 1)});
  }
  if (!judged.culprits.empty()) {
    event.library_purl = judged.culprits.front().purl;
    event.role = judged.culprits.front().role;
  }
  event.id = event_id(event);
  event.grant = rules.grant_line(event);
  return event;
}

}  // namespace libguard
