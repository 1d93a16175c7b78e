// SPDX-License-Identifier: Apache-2.0
// Observations keyed by their whole content, so that a call seen before costs one hash look-up.
//
// Way:     events -> stack -> *profile*.
// Thread:  see recorder.h.
// Failure: see recorder.h.
#include "core/recorder.h"

#include <algorithm>

#include "bpf/judge.h"

namespace libguard {
namespace {

template <class T>
void append(std::string& key, const T& value) {
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// Who counts as caller is the judge's rule (hand-offs, vouching); asked with a matrix that denies nothing.
uint16_t judged_caller(const Call& call) {
  static const lg_matrix kNothingDenied{};
  lg_verdict verdict{};
  lg_judge(&kNothingDenied, call.subject, number(call.right), 1, &verdict);
  return verdict.caller;
}

// Learn wide: for dangerous rights everybody who had a part in it, for the others the stack, or who made the thread.
LibrarySet taking_part(const Call& call) {
  const lg_subject& subject = *call.subject;
  LibrarySet set(subject.stack.active);
  LibrarySet others = set;
  others.remove(LibraryId::kRuntime);
  bool dangerous = is_dangerous(group_of(call.right));
  if (dangerous || others.empty()) {
    set |= subject.inherited;
    if (subject.handoff.noted) set |= subject.handoff.active;
  }
  if (dangerous) set |= subject.native;
  return set;
}

std::string key_of(const Call& call, uint16_t caller) {
  const lg_subject& subject = *call.subject;
  std::string key;
  key.reserve(320);
  append(key, call.program);
  append(key, call.right);
  append(key, subject.phase);
  append(key, caller);
  append(key, subject.stack.direct);
  append(key, subject.stack.direct_function);
  if (lg_needs_function(number(call.right), &subject)) append(key, subject.stack.caller_function);
  append(key, static_cast<const lg_set&>(taking_part(call)));
  append(key, subject.spawners);
  return key;
}

// The innermost function of a library; "" if it has no name.
std::string function_of(const std::vector<std::string>& stack, const std::string& library) {
  for (const std::string& frame : stack)
    if (frame.starts_with(library + "|")) return frame.substr(library.size() + 1);
  return "";
}

int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void Recorder::observe(const Call& call, const std::string& executable) {
  uint16_t caller = judged_caller(call);
  std::string key = key_of(call, caller);
  auto found = index_.find(key);
  if (found != index_.end()) {
    observations_[found->second].count += call.count;
    return;
  }
  if (observations_.size() >= kMaxObservations) {
    dropped_ += call.count;
    return;
  }
  index_.emplace(std::move(key), observations_.size());
  observations_.push_back(describe(call, executable, caller));
  note_pairs(call);
}

Observation Recorder::describe(const Call& call, const std::string& executable, uint16_t caller) const {
  const lg_subject& subject = *call.subject;
  auto name = [this](uint16_t id) { return table_.at(LibraryId{id}).purl; };
  Observation observation;
  observation.caller = name(caller);
  observation.program = executable;
  observation.phase = static_cast<Phase>(subject.phase);
  observation.right = call.right;
  observation.count = call.count;
  for (LibraryId id : taking_part(call).ids()) observation.libraries.push_back(table_.at(id).purl);
  for (LibraryId id : LibrarySet(subject.spawners).ids()) observation.spawners.push_back(table_.at(id).purl);
  std::sort(observation.libraries.begin(), observation.libraries.end());
  std::sort(observation.spawners.begin(), observation.spawners.end());
  for (const Frame& frame : call.reader->frames()) {
    std::string line = table_.at(frame.library).purl + "|" + frame.name;
    if (observation.stack.empty() || observation.stack.back() != line) observation.stack.push_back(std::move(line));
  }
  observation.direct = name(subject.stack.direct);
  if (subject.stack.flags & LG_STACK_PROGRAM) observation.direct_function = kProgramFunction;
  if (!observation.stack.empty()) {
    std::string function = observation.stack.front().substr(observation.stack.front().find('|') + 1);
    if (!function.empty()) observation.direct += " " + function;
    if (subject.stack.direct != LG_RUNTIME && subject.stack.direct_function != 0)
      observation.direct_function = function;
  }
  if (lg_needs_function(number(call.right), &subject) && subject.stack.direct == LG_RUNTIME)
    observation.direct_function = function_of(observation.stack, name(subject.stack.caller));
  return observation;
}

void Recorder::note_pairs(const Call& call) {
  size_t before = pairs_.size();
  for (LibraryId id : taking_part(call).ids()) {
    pairs_.emplace(number(id), number(call.right));
    libraries_.insert(number(id));
  }
  library_count_ = libraries_.size();
  pair_count_ = pairs_.size();
  int64_t now = now_seconds();
  Second& second = seconds_[now % 60];
  if (second.when.exchange(now) != now) second.pairs = 0;
  second.pairs += pairs_.size() - before;
}

Recorder::Progress Recorder::progress() const {
  Progress progress{library_count_, pair_count_, 0};
  int64_t now = now_seconds();
  for (const Second& second : seconds_)
    if (now - second.when < 60) progress.new_pairs += second.pairs;
  return progress;
}

Profile Recorder::profile() const {
  Profile profile;
  profile.observations = observations_;
  if (dropped_ != 0) profile.completeness["observations_dropped"] = dropped_;
  profile.derive();
  return profile;
}

}  // namespace libguard
