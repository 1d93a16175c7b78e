// SPDX-License-Identifier: Apache-2.0
// Walks a blocked CPython thread: thread state, frames, code table; one batch of reads where the last call's guess
// holds.
//
// Way:     events -> *stack* -> verdict.
// Thread:  the serving thread only; the walked thread is blocked, the process' other threads run and change lists.
// Failure: flags and `unknown`; a search that other threads disturb is repeated, then a fault.
#include "core/backend/walk/python_walk.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include "core/backend/walk/python_offsets.h"

namespace libguard {
namespace {

constexpr size_t kAreaHead = offsetof(lg_area, table);  // what may change: read with every call
constexpr int kSearchAttempts = 16;

// One buffer for all programs: it is only good during one walk.
FramePages& scratch() {
  static thread_local const auto pages = std::make_unique<FramePages>();
  return *pages;
}

int read_memory(void* memory, void* to, __u32 size, __u64 address) {
  return static_cast<ProcessMemory*>(memory)->read(address, to, size) ? 0 : -1;
}

iovec remote(uint64_t address, size_t size) { return {reinterpret_cast<void*>(address), size}; }

lg_python_program program_of(const lg_hello& hello, const lg_python_offsets& offsets) {
  return {hello.runtime_state + offsets.runtime_interpreters, hello.none, hello.image_low, hello.image_high};
}

void fill_unknown(lg_stack* out) {
  *out = lg_stack{};
  out->active.word[0] = 1u << LG_UNKNOWN;
  out->caller = out->direct = LG_UNKNOWN;
  out->flags = LG_STACK_FAULT;
}

// The batch that a call of a known thread starts with.
struct Batch {
  static constexpr size_t kFixed = 4;
  iovec to[kFixed + FramePages::kRemembered];
  iovec from[kFixed + FramePages::kRemembered];
  size_t count = 0;
  size_t bytes = 0;
  void add(void* local, uint64_t address, size_t size) {
    to[count] = {local, size};
    from[count++] = remote(address, size);
    bytes += size;
  }
};

}  // namespace

PythonWalker::PythonWalker(ProcessMemory& memory, const lg_hello& hello, const lg_area& area,
                           const lg_python_offsets& offsets)
    : memory_(memory),
      hello_(hello),
      area_(area),
      offsets_(offsets),
      program_(program_of(hello, offsets)),
      table_(memory, area.table, program_) {}

PythonWalker::~PythonWalker() = default;

Result<std::unique_ptr<PythonWalker>> PythonWalker::create(ProcessMemory& memory, const lg_hello& hello) {
  if (hello.version != LG_ABI_VERSION || hello.runtime != LG_RUNTIME_CPYTHON)
    return fail(Code::kInvalid, "the hello is not one of a CPython program of this version of libguard",
                "install client and supervisor from the same build");
  if (hello.image_low >= hello.image_high)
    return fail(Code::kInvalid, "the hello names no image of the interpreter",
                "install client and supervisor from the same build");
  lg_area area;
  if (!memory.read(hello.area, &area))
    return fail(Code::kIo, std::string("cannot read the guarded process: ") + std::strerror(memory.error()),
                "the supervisor needs the right to read it; see `libguard doctor`");
  if (area.version != LG_ABI_VERSION || std::memcmp(area.nonce, hello.nonce, sizeof(area.nonce)) != 0)
    return fail(Code::kInvalid, "the program area is not the one that the hello announced",
                "install client and supervisor from the same build");
  const auto offsets = python_offsets(memory, hello.hexversion, hello.runtime_state);
  if (!offsets) return tl::unexpected(offsets.error());
  return std::unique_ptr<PythonWalker>(new PythonWalker(memory, hello, area, *offsets));
}

std::unique_ptr<PythonWalker> PythonWalker::forked(ProcessMemory& child) const {
  std::unique_ptr<PythonWalker> made(new PythonWalker(child, hello_, area_, offsets_));
  made->own_word_ = own_word_;
  made->only_interpreter_ = only_interpreter_;
  return made;
}

Walked PythonWalker::walk(pid_t tid, uint64_t fs, ThreadCache& cache, lg_stack* out) {
  counts_.walks++;
  flags_ = steps_ = 0;
  unordered_ = false;
  frames_.clear();
  stacks_.clear();
  memory_.through(tid);
  scratch().start(memory_);

  const Seen seen = read_cached(fs, cache);
  if (seen == Seen::kOtherImage || seen == Seen::kUnreadable) {
    cache = ThreadCache{};
    fill_unknown(out);
    return seen == Seen::kOtherImage ? Walked::kOtherImage : Walked::kUnreadable;
  }
  if (seen == Seen::kSearch && !take_named(fs, cache) && !search(tid, fs, cache)) flags_ |= LG_STACK_FAULT;
  table_.at_epoch(area_.epoch);
  walk_stacks(cache);
  flags_ |= table_.name(frames_);
  if (seen == Seen::kYes && is_doubtful() && !is_linked(cache)) {
    flags_ = steps_ = 0;
    frames_.clear();
    if (!take_named(fs, cache) && !search(tid, fs, cache)) flags_ |= LG_STACK_FAULT;
    walk_stacks(cache);
    flags_ |= table_.name(frames_);
  }
  reduce(out);
  return Walked::kStack;
}

// Might the stack be that of a state that was freed? Its memory may still look whole, but it has no frames any more;
// only the end of the interpreter frees those of other threads with theirs, and unmaps the frames.
bool PythonWalker::is_doubtful() const { return frames_.empty() || flags_ != 0; }

bool PythonWalker::is_linked(const ThreadCache& cache) {
  uint64_t link = 0;
  return memory_.read(cache.link, &link) && link == cache.state;
}

// Is the area still there? If not, the addresses of hello mean nothing any more.
PythonWalker::Seen PythonWalker::check_area(size_t read) const {
  if (read < kAreaHead) return memory_.error() == EFAULT ? Seen::kOtherImage : Seen::kUnreadable;
  return std::memcmp(area_.nonce, hello_.nonce, sizeof(hello_.nonce)) == 0 ? Seen::kYes : Seen::kOtherImage;
}

// Reads in one batch what the last call of this thread needed. The thread is blocked: a guess is never stale, only
// unused. Where there is one interpreter, whose list the state is linked in is left for the end: see is_doubtful().
PythonWalker::Seen PythonWalker::read_cached(uint64_t fs, ThreadCache& cache) {
  uint8_t state[LG_STATE_BYTES];
  uint64_t link = 0, interpreters = 0;
  const bool more_interpreters = area_.more_interpreters != 0;
  Batch batch;
  batch.add(&area_, hello_.area, kAreaHead);
  if (!cache.state) {
    const Seen seen = check_area(memory_.read_batch(batch.to, batch.from, batch.count));
    return seen == Seen::kYes ? Seen::kSearch : seen;
  }
  batch.add(state, cache.state, sizeof(state));
  if (more_interpreters) {
    batch.add(&link, cache.link, sizeof(link));
    batch.add(&interpreters, program_.interpreters, sizeof(interpreters));
  }
  const size_t needed = batch.bytes;
  FramePages& pages = scratch();
  for (uint32_t i = 0; i < cache.page_count; i++) {
    const UsedBytes& part = cache.pages[i];
    batch.add(pages.slot(i, part), part.page + part.low, part.high - part.low);
  }

  const size_t read = memory_.read_batch(batch.to, batch.from, batch.count);
  const Seen seen = check_area(read);
  if (seen != Seen::kYes) return seen;
  if (read < needed) return Seen::kSearch;
  size_t end = needed;
  for (uint32_t i = 0; i < cache.page_count; i++) {
    end += cache.pages[i].high - cache.pages[i].low;
    if (end > read) break;
    pages.filled(i, cache.pages[i]);
  }
  if (lg_load(state, offsets_.state_thread) != fs) return Seen::kSearch;
  const uint64_t link_before = std::exchange(cache.link, lg_python_link(&offsets_, state));
  if (area_.more_interpreters) {  // another one may hold more of this thread's frames
    if (!more_interpreters || interpreters != cache.interpreters) return Seen::kSearch;
    if (cache.link != link_before && !memory_.read(cache.link, &link)) return Seen::kSearch;  // threads came or went
    if (link != cache.state) return Seen::kSearch;
  }

  // The cframe stands on the C stack, as the entry frames of 3.12 do: one more page like theirs.
  lg_python_cursor cursor{};
  lg_reader reader = pages.reader();
  if (lg_python_first(&reader, &offsets_, cache.state, state, &cursor) == LG_STEP_FAULT) flags_ |= LG_STACK_FAULT;
  stacks_.push_back(cursor);
  return Seen::kYes;
}

// The state that the thread's own word names, if all holds that a search would ask for: so the birth of a thread costs
// the same however many live. The word is only a guess; what it names must be linked and carry this thread.
bool PythonWalker::take_named(uint64_t fs, ThreadCache& cache) {
  cache.state = 0;
  const uint64_t named = only_interpreter_ ? own_word_.read(memory_, fs) : 0;
  if (!named) return false;
  uint64_t first = 0, next = 0;
  uint8_t bytes[LG_STATE_BYTES];
  Batch batch;
  batch.add(&first, program_.interpreters, sizeof(first));
  batch.add(&next, only_interpreter_ + offsets_.interpreter_next, sizeof(next));
  batch.add(bytes, named, sizeof(bytes));
  if (memory_.read_batch(batch.to, batch.from, batch.count) != batch.bytes) return false;
  if (first != only_interpreter_ || next || lg_load(bytes, offsets_.state_interpreter) != only_interpreter_)
    return false;
  stacks_.clear();
  if (!open_state({named, fs, 0}, bytes, cache)) return false;
  counts_.named++;
  cache.state = named;
  cache.interpreters = only_interpreter_;
  cache.had_state = true;
  return true;
}

bool PythonWalker::search(pid_t tid, uint64_t fs, ThreadCache& cache) {
  counts_.searches++;
  cache.state = 0;
  lg_python_search search;
  for (int attempt = 0; attempt < kSearchAttempts; attempt++) {
    if (attempt) counts_.retries++;
    stacks_.clear();
    scratch().start(memory_);
    if (!search_once(tid, fs, search, cache)) continue;
    if (stacks_.empty()) flags_ |= LG_STACK_NO_STATE;
    if (!stacks_.empty()) cache.had_state = true;
    // With several interpreters the thread may get a stack in any of them at any time: search again at each call.
    if (stacks_.size() == 1 && search.interpreters_seen == 1) {
      cache.state = stacks_[0].state;
      cache.interpreters = only_interpreter_ = search.first_interpreter;
      own_word_.learn(memory_, fs, cache.state);
    }
    return true;
  }
  stacks_.clear();
  return false;
}

bool PythonWalker::search_once(pid_t tid, uint64_t fs, lg_python_search& search, ThreadCache& cache) {
  lg_reader reader{read_memory, &memory_};
  const bool has_cframe = offsets_.state_cframe != LG_NO_OFFSET;
  states_.clear();
  int step = lg_python_search_start(&reader, &program_, fs, &search);
  for (int i = 0; step > LG_STEP_END && i < LG_MAX_SEARCH_STEPS; i++) {
    const uint64_t looked_at = search.state;
    step = lg_python_search_step(&reader, &offsets_, &search);
    if (!looked_at || step != LG_STEP_SKIP) continue;
    states_.push_back({looked_at, lg_load(search.bytes, offsets_.state_thread),
                       has_cframe ? lg_load(search.bytes, offsets_.state_cframe) : 0});
  }
  if (step != LG_STEP_END) return false;
  if (lg_python_confirm(&reader, &offsets_, &program_, &search) != LG_STEP_END) return false;
  if (search.interpreters_seen > 1) {
    for (const SeenState& seen : states_of_thread(states_, fs, tid == memory_.pid()))
      if (!reopen_state(seen, cache)) return false;
  } else {
    for (const SeenState& seen : states_)
      if (seen.thread == fs && !reopen_state(seen, cache)) return false;
  }
  return true;
}

bool PythonWalker::reopen_state(const SeenState& seen, ThreadCache& cache) {
  uint8_t bytes[LG_STATE_BYTES];
  return memory_.read(seen.state, &bytes) && open_state(seen, bytes, cache);
}

// A state that was found, as read just now: it must still be linked and still carry the same thread.
bool PythonWalker::open_state(const SeenState& seen, const uint8_t* bytes, ThreadCache& cache) {
  uint64_t linked = 0;
  cache.link = lg_python_link(&offsets_, bytes);
  if (!memory_.read(cache.link, &linked) || linked != seen.state) return false;
  if (lg_load(bytes, offsets_.state_thread) != seen.thread) return false;
  lg_reader reader = scratch().reader();
  lg_python_cursor cursor{};
  if (lg_python_first(&reader, &offsets_, seen.state, bytes, &cursor) == LG_STEP_FAULT) return false;
  stacks_.push_back(cursor);
  return true;
}

// All stacks of the thread, the innermost first: the one whose evaluation lies deepest on the C stack. Up to 3.9 there
// is no trace of it on the C stack: the list's order, newest interpreter first, is only good for showing.
void PythonWalker::walk_stacks(ThreadCache& cache) {
  if (stacks_.size() == 1) {
    walk_frames(stacks_[0]);
  } else {
    std::vector<std::pair<uint64_t, std::vector<lg_code_entry>>> parts;
    for (lg_python_cursor& cursor : stacks_) {
      walk_frames(cursor);
      if (frames_.empty()) continue;
      parts.emplace_back(cursor.c_stack, std::move(frames_));
      frames_.clear();
    }
    for (const auto& part : parts) unordered_ |= parts.size() > 1 && !part.first;
    std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& part : parts) frames_.insert(frames_.end(), part.second.begin(), part.second.end());
  }
  cache.page_count = static_cast<uint32_t>(scratch().used(cache.pages));
  counts_.frames += frames_.size();
}

void PythonWalker::walk_frames(lg_python_cursor& cursor) {
  lg_reader reader = scratch().reader();
  for (; steps_ < LG_MAX_FRAMES; steps_++) {
    const int step = lg_python_step(&reader, &offsets_, &program_, &cursor);
    if (step == LG_STEP_END) return;
    if (step == LG_STEP_FRAME) frames_.push_back(lg_code_entry{cursor.code, 0, 0, 0});
    if (step != LG_STEP_FAULT) continue;
    flags_ |= LG_STACK_FAULT;
    return;
  }
  if (cursor.frame) flags_ |= LG_STACK_TRUNCATED;
}

void PythonWalker::reduce(lg_stack* out) {
  if (flags_ & LG_STACK_NO_STATE) counts_.no_state++;
  if (flags_ & LG_STACK_FAULT) counts_.faults++;
  if (flags_ & LG_STACK_TRUNCATED) counts_.truncated++;
  const bool incomplete = flags_ & LG_STACK_INCOMPLETE;
  *out = lg_stack{};
  out->flags = flags_;
  out->depth_capped = static_cast<uint16_t>(std::min<size_t>(frames_.size(), UINT16_MAX));
  out->direct = out->caller = incomplete ? LG_UNKNOWN : LG_RUNTIME;
  if (incomplete) out->active.word[0] |= 1u << LG_UNKNOWN;
  if (frames_.empty()) return;

  out->direct = frames_[0].library;
  out->direct_vouching = frames_[0].vouching;
  out->direct_function = frames_[0].function;
  bool caller_seen = false;
  for (const lg_code_entry& frame : frames_) {
    out->active.word[frame.library / 64] |= 1ull << (frame.library % 64);
    if (!caller_seen && (frame.vouching & LG_VOUCH_TRAMPOLINE)) out->flags |= LG_STACK_TRAMPOLINE;
    if (!caller_seen && (frame.vouching & LG_NAMES_STARTER)) out->flags |= LG_STACK_STARTER;
    if (caller_seen || frame.library == LG_RUNTIME) continue;
    out->caller = frame.library;
    out->caller_function = frame.function;
    caller_seen = true;
  }
  if (!unordered_) return;
  out->caller = out->direct = LG_UNKNOWN;
  out->direct_vouching = 0;
  out->direct_function = out->caller_function = 0;
  out->flags &= ~static_cast<__u32>(LG_STACK_STARTER);
}

Status PythonWalker::self_check(const lg_self_check& check) {
  const char* hint = "this interpreter is laid out unlike the releases that libguard knows; use an unmodified build";
  if (check.count > LG_MAX_FRAMES)
    return fail(Code::kInvalid, "self-check: more frames than a walk may have",
                "start libguard from a shallower stack");
  std::vector<uint64_t> codes(check.count);
  if (check.count && !memory_.read(check.codes, codes.data(), codes.size() * sizeof(uint64_t)))
    return fail(Code::kIo, "self-check: cannot read the list of codes", "see `libguard doctor`");
  if (codes.size() != frames_.size())
    return fail(Code::kUnsupported,
                "self-check: the walk sees " + std::to_string(frames_.size()) + " frames, the interpreter " +
                    std::to_string(codes.size()),
                hint);
  for (size_t i = 0; i < codes.size(); i++)
    if (codes[i] != frames_[i].code)
      return fail(Code::kUnsupported, "self-check: frame " + std::to_string(i) + " differs", hint);
  return {};
}

}  // namespace libguard
