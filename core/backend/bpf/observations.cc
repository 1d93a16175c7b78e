// SPDX-License-Identifier: Apache-2.0
// Turns first calls and counts into calls for the handler.
//
// Way:     see observations.h.
// Thread:  the serving thread.
// Failure: see observations.h.
#include "core/backend/bpf/observations.h"

#include <algorithm>
#include <cstring>

#include "bpf/library_set.h"

namespace libguard {
namespace {

class Sample final : public FrameReader {
 public:
  explicit Sample(const std::vector<Frame>& frames) : frames_(frames) {}
  std::vector<Frame> frames() override { return frames_; }

 private:
  const std::vector<Frame>& frames_;
};

// Behind the innermost: its caller, then the others, which have no order.
void add_pushed(const lg_stack& stack, std::vector<Frame>& frames) {
  if (frames.empty()) frames.push_back({static_cast<LibraryId>(stack.direct), stack.direct_function, {}});
  if (stack.caller != stack.direct) frames.push_back({static_cast<LibraryId>(stack.caller), 0, {}});
  for (LibraryId id : LibrarySet(stack.active).ids())
    if (number(id) != stack.direct && number(id) != stack.caller) frames.push_back({id, 0, {}});
}

uint64_t key_of(const lg_pair& pair) {
  uint64_t key;
  static_assert(sizeof(key) == sizeof(pair));
  std::memcpy(&key, &pair, sizeof(key));
  return key;
}

}  // namespace

void Observations::know(uint32_t image, const CompanionProgram& program) { images_.try_emplace(image, Image{program}); }

void Observations::greeted(uint32_t image) {
  auto found = images_.find(image);
  if (found != images_.end()) found->second.greeted = true;
}

void Observations::drain() {
  kernel_.drain([this](const lg_first_call& call) { take(call); });
}

void Observations::take(const lg_first_call& call) {
  auto& kind = kinds_[key_of(call.pair)];
  if (kind) return;  // told without its sample already
  kind = std::make_unique<Kind>();
  kind->call = call;
  name(*kind);
  if (knows(call.image)) tell(*kind, 1);
}

// While the process lives: its names are in its memory.
void Observations::name(Kind& kind) {
  const uint32_t count = std::min<uint32_t>(kind.call.frame_count, LG_SAMPLE_FRAMES);
  for (uint32_t i = 0; i < count; i++) {
    const lg_sample_frame& frame = kind.call.frame[i];
    std::string text;
    if (frame.function != 0) {
      auto known = names_.find(frame.function);
      if (known == names_.end()) {
        text = namer_ ? namer_(static_cast<pid_t>(kind.call.pid), frame.function) : "";
        if (!text.empty()) names_.emplace(frame.function, text);
        if (text.empty()) unnamed_++;
      } else {
        text = known->second;
      }
    }
    kind.frames.push_back({static_cast<LibraryId>(frame.library), frame.function, std::move(text)});
  }
}

// What the kernel could not know yet: the program of a call that was made before the supervisor had looked at it.
void Observations::complete(Kind& kind) const {
  lg_subject& subject = kind.call.subject;
  lg_stack& stack = subject.stack;
  auto known = images_.find(kind.call.image);
  if (known == images_.end()) return;
  const CompanionProgram& program = known->second.program;
  subject.spawners = program.spawners;
  if (stack.flags & LG_STATE_PENDING) {
    const bool starts = program.language_runtime && program.library != LibraryId::kUnknown;
    const uint16_t library = starts ? uint16_t{LG_STARTUP} : number(program.library);
    stack = lg_stack{};
    lg_set_add(&stack.active, library);
    stack.caller = stack.direct = library;
    stack.flags = starts ? 0 : LG_STACK_PROGRAM;
  }
  const bool single = (stack.flags & LG_STACK_PROGRAM) || !known->second.greeted;
  if (known->second.greeted && !program.language_runtime && !single) return add_pushed(stack, kind.frames);
  if (kind.frames.empty() && single)
    kind.frames.push_back({static_cast<LibraryId>(stack.direct), stack.direct_function, {}});
}

// An exec that is done: the kernel has numbered it, and it has made this call.
void Observations::look_at_program(const lg_first_call& call) {
  const auto pid = static_cast<pid_t>(call.pid);
  if (looker_ && pid > 0 && !knows(call.image) && kernel_.image_of(pid) == call.image) looker_(pid);
}

void Observations::tell(Kind& kind, uint64_t count) {
  if (count == 0) return;
  if (kind.told == 0) complete(kind);
  auto known = images_.find(kind.call.image);
  Sample sample(kind.frames);
  Call call{};
  call.pid = static_cast<pid_t>(kind.call.pid);
  call.tid = static_cast<pid_t>(kind.call.tid);
  call.program = known == images_.end() ? 0 : known->second.program.program;
  call.right = static_cast<Right>(kind.call.pair.right);
  call.nr = kind.call.nr;
  std::copy(std::begin(kind.call.args), std::end(kind.call.args), call.args);
  call.subject = &kind.call.subject;
  call.reader = &sample;
  call.count = count;
  call.waits = false;
  handler_.decide(call);
  kind.told += count;
}

// The state says who took part, not who of them was where.
Observations::Kind& Observations::without_sample(const lg_pair& pair) {
  unsampled_++;
  if (states_.count(pair.state) == 0)
    for (const auto& [number, state] : kernel_.states()) states_.emplace(number, state);
  auto kind = std::make_unique<Kind>();
  const lg_state& state = states_[pair.state];
  kind->call.pair = pair;
  kind->call.image = state.image;
  kind->call.nr = pair.right < LG_FIRST_SPLIT ? pair.right : -1;
  lg_subject& subject = kind->call.subject;
  subject.stack.active = state.libraries;
  subject.stack.caller = state.caller;
  subject.stack.direct = state.direct;
  subject.stack.direct_function = state.direct_function;
  subject.stack.caller_function = state.caller_function;
  subject.stack.flags = state.flags;
  subject.phase = state.phase;
  return *(kinds_[key_of(pair)] = std::move(kind));
}

void Observations::settle() {
  drain();
  for (const auto& [pair, count] : kernel_.pairs()) {
    auto found = kinds_.find(key_of(pair));
    Kind& kind = found == kinds_.end() ? without_sample(pair) : *found->second;
    if (count <= kind.told) continue;
    look_at_program(kind.call);
    tell(kind, count - kind.told);
  }
}

}  // namespace libguard
