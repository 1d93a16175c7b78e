// SPDX-License-Identifier: Apache-2.0
// Subjects: one thread's stack, by what kind of program it is.
//
// Way:     events -> *stack* -> verdict.
// Thread:  the serving thread only.
// Failure: see subjects.h.
#include "core/backend/notify/subjects.h"

#include <algorithm>
#include <iterator>

#include "bpf/library_set.h"
#include "core/backend/walk/pushed.h"

namespace libguard {
namespace {

// A program without frames: it is one library.
void fill_single(uint32_t library, uint32_t flags, lg_stack* out) {
  *out = lg_stack{};
  lg_set_add(&out->active, library);
  out->caller = out->direct = static_cast<uint16_t>(library);
  out->flags = flags;
}

uint32_t function_named(std::string_view name) { return lg_fnv1a(LG_FNV_OFFSET, name.data(), name.size()); }

// What main threads begin with whose program was started to run the runtime's own code: the text that multiprocessing
// gives to an interpreter, `python -m MODULE`; and the thread that a process was forked from.
bool begins_a_program(uint32_t function) {
  static const uint32_t kFirst[] = {function_named("multiprocessing.spawn.<module>"),
                                    function_named("runpy._run_module_as_main"),
                                    function_named("threading.Thread._bootstrap")};
  return std::find(std::begin(kFirst), std::end(kFirst), function) != std::end(kFirst);
}

// Before, beside and below all Python a program that embeds it runs its own code: on its first thread, and on threads
// that it made. Threads that Python code made are the runtime's.
bool is_embedder_itself(const Thread& thread, const lg_stack& stack) {
  const Program& program = *thread.process->program;
  if (!program.embeds || stack.depth_capped != 0 || (stack.flags & LG_STACK_INCOMPLETE)) return false;
  return thread.tid == thread.process->pid || thread.maker == number(program.library);
}

}  // namespace

Subjects::Subjects(Handler& handler, NotifyCounters& counters)
    : handler_(handler),
      counters_(counters),
      owner_([this](std::string_view path, LibraryId* owner) { return handler_.native_owner(path, owner); }) {}

uint64_t Subjects::thread_pointer(Thread& thread) const {
  if (thread.robust == 0) thread.robust = robust_list_of(thread.tid);
  return thread.robust == 0 ? 0 : thread.robust - thread.process->program->hello.robust_delta;
}

void Subjects::walk(Thread& thread, lg_stack* out) {
  Process& process = *thread.process;
  uint64_t fs = thread_pointer(thread);
  if (fs == 0 || !process.walker) return fill_single(LG_UNKNOWN, LG_STACK_FAULT, out);
  process.walker->walk(thread.tid, fs, thread.cache, out);
  if (is_embedder_itself(thread, *out)) return fill_single(number(process.program->library), LG_STACK_PROGRAM, out);
  if ((out->flags & LG_STACK_NO_STATE) == 0) return;
  // Before the interpreter gave the main thread a state, the program is still starting. After that the thread is
  // ending, and what runs is the runtime's. Other threads are judged by what they inherited.
  if (thread.tid == process.pid && !thread.cache.had_state) fill_single(LG_STARTUP, LG_STACK_NO_STATE, out);
}

// What the program says itself. Where the call comes from matters for who is the caller, which few calls ask for.
void Subjects::pushed(Thread& thread, bool dangerous, lg_stack* out) {
  Process& process = *thread.process;
  const Program& program = *process.program;
  const uint64_t fs = thread_pointer(thread);
  Position position;
  process.memory->through(thread.tid);
  const bool placed = fs != 0 && (!dangerous || read_position(thread.tid, &position));
  const Pushed seen = placed
                          ? read_pushed(*process.memory, program.hello, number(program.library), fs, position.sp, out)
                          : Pushed::kUnreadable;
  if (seen == Pushed::kLost) counters_.pushes_lost++;
  if (seen != Pushed::kUnreadable) return;
  counters_.pushes_unread++;
  fill_single(LG_UNKNOWN, LG_STACK_FAULT, out);
}

void Subjects::stack(Thread& thread, bool dangerous, lg_stack* out) {
  if (thread.borrowed) {
    *out = thread.borrowed->stack;
    return;
  }
  const Program& program = *thread.process->program;
  if (program.pushes()) return pushed(thread, dangerous, out);
  if (program.greeted) return walk(thread, out);
  if (program.language_runtime && program.library != LibraryId::kUnknown) {
    counters_.no_hello++;
    return fill_single(LG_STARTUP, 0, out);
  }
  fill_single(number(program.library), LG_STACK_PROGRAM, out);
}

void Subjects::scan(Thread& thread, lg_set* out) {
  counters_.scans++;
  Process& process = *thread.process;
  process.memory->through(thread.tid);
  if (!process.native.scan(thread.tid, *process.memory, owner_, out)) counters_.scans_failed++;
}

// Is what the runtime does here done in the name of who made the thread or started the program? A main thread calls
// exit hooks and finalizers on an empty stack too, and those anybody may have left there. A greenlet runs on whatever
// thread switches to it, and nobody notes who made it: what a thread begins with can be called in one.
uint16_t Subjects::maker_of(Thread& thread, const lg_stack& stack) {
  Process& process = *thread.process;
  const bool walked = process.program->greeted && !process.program->pushes() && process.walker;
  if (thread.maker == 0 || stack.caller != LG_RUNTIME || !walked) return thread.maker;
  process.memory->through(thread.tid);
  if (!thread.borrowed && process.native.on_switched_stack(thread.tid, *process.memory, owner_, thread_pointer(thread)))
    return 0;
  if (thread.tid != process.pid) return thread.maker;
  const std::vector<lg_code_entry>& frames = thread.borrowed ? thread.borrowed->frames : process.walker->frames();
  return frames.empty() || begins_a_program(frames.back().function) ? thread.maker : uint16_t{0};
}

void Subjects::subject(Thread& thread, bool dangerous, lg_subject* out) {
  const Program& program = *thread.process->program;
  stack(thread, dangerous, &out->stack);
  out->inherited = thread.inherited;
  out->native = lg_set{};
  out->spawners = program.spawners;
  out->handoff = thread.handoff;
  out->phase = thread.process->phase;
  out->maker = maker_of(thread, out->stack);
  out->pad = 0;
  const bool no_frame = program.greeted && !program.pushes() && out->stack.depth_capped == 0;
  if (dangerous || no_frame) scan(thread, &out->native);
}

void Subjects::note(Thread& thread, StackNote* out) {
  stack(thread, true, &out->stack);
  out->inherited = LibrarySet(thread.inherited);
  out->maker = maker_of(thread, out->stack);
  out->handoff = thread.handoff;
  out->handoff_id = thread.handoff_id;
}

void Subjects::note_frames(Thread& thread, StackNote* out) {
  if (thread.borrowed) {
    out->frames = thread.borrowed->frames;
    out->area = thread.borrowed->area;
  } else if (thread.process->program->greeted && thread.process->walker) {
    out->frames = thread.process->walker->frames();
    out->area = thread.process->walker->area();
  }
}

void Subjects::tell_tamper(Thread& thread, Right right, int nr, std::string_view what, std::string_view path,
                           std::string_view detail, bool refused) {
  if (refused) counters_.tampers++;
  lg_subject subject;
  this->subject(thread, true, &subject);
  SubjectFrames frames(*this, thread, subject.stack);
  handler_.on_tamper({thread.process->pid, thread.tid, thread.process->program->index, right, nr, &subject, &frames,
                      what, path, detail, refused});
}

uint16_t maker_from(const lg_stack& stack, const lg_handoff& handoff, uint16_t maker) {
  const bool handed_over = handoff.noted && (stack.caller == LG_RUNTIME || (stack.flags & LG_STACK_TRAMPOLINE));
  if (handed_over) return handoff.caller;
  return stack.caller == LG_RUNTIME ? maker : stack.caller;
}

LibrarySet Subjects::spawners(const lg_subject& subject) const {
  LibrarySet all(subject.stack.active);
  all |= subject.inherited;
  all |= subject.native;
  if (subject.handoff.noted) all |= subject.handoff.active;
  return all;
}

// Without order but for the innermost: what was entered last, its caller, then the others.
std::vector<Frame> Subjects::pushed_frames(Process& process, const lg_stack& stack) {
  lg_area area;
  const bool named = stack.direct_function && process.names && process.memory->read(process.program->hello.area, &area);
  std::vector<Frame> frames;
  frames.push_back({static_cast<LibraryId>(stack.direct), stack.direct_function,
                    named ? process.names->name(stack.direct_function, area) : ""});
  if (stack.caller != stack.direct) frames.push_back({static_cast<LibraryId>(stack.caller), 0, {}});
  for (LibraryId id : LibrarySet(stack.active).ids())
    if (number(id) != stack.direct && number(id) != stack.caller) frames.push_back({id, 0, {}});
  return frames;
}

std::vector<Frame> Subjects::frames(Thread& thread, const lg_stack& stack) {
  std::vector<Frame> frames;
  Process& process = *thread.process;
  const std::vector<lg_code_entry>* entries = nullptr;
  const lg_area* area = nullptr;
  if (thread.borrowed) {
    entries = &thread.borrowed->frames;
    area = &thread.borrowed->area;
  } else if (process.program->greeted && process.walker) {
    entries = &process.walker->frames();
    area = &process.walker->area();
  }
  if (process.program->pushes() && !thread.borrowed) return pushed_frames(process, stack);
  if (!entries || entries->empty()) {
    if ((stack.flags & LG_STACK_PROGRAM) || !process.program->greeted)
      frames.push_back({static_cast<LibraryId>(stack.direct), stack.direct_function, {}});
    return frames;
  }
  for (const lg_code_entry& entry : *entries) {
    std::string name = entry.function && process.names ? process.names->name(entry.function, *area) : "";
    frames.push_back({static_cast<LibraryId>(entry.library), entry.function, std::move(name)});
  }
  return frames;
}

}  // namespace libguard
