// SPDX-License-Identifier: Apache-2.0
// PythonWalker over a made-up program in this process' own memory.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <deque>
#include <map>

#include "core/backend/walk/python_walk.h"
#include "tests/unit/walk_image.h"

namespace libguard::testing {
namespace {

class Walker : public ::testing::Test {
 protected:
  Walker() : memory_(getpid()), state_(program_.add_state(program_.interpreter, FakeProgram::kThread)) {
    auto made = PythonWalker::create(memory_, program_.hello());
    if (made) walker_ = std::move(*made);
  }
  void SetUp() override { ASSERT_TRUE(walker_); }

  Walked walk() { return walker_->walk(getpid(), FakeProgram::kThread, cache_, &stack_); }
  std::vector<uint64_t> codes() const {
    std::vector<uint64_t> all;
    for (const lg_code_entry& frame : walker_->frames()) all.push_back(frame.code);
    return all;
  }
  uint64_t push_tagged(uint64_t code, uint16_t library, uint16_t vouching = 0, uint32_t function = 0) {
    program_.tag({code, library, vouching, function});
    return program_.push(state_, code);
  }

  FakeProgram program_;
  ProcessMemory memory_;
  uint64_t state_;
  std::unique_ptr<PythonWalker> walker_;
  ThreadCache cache_;
  lg_stack stack_{};
};

TEST_F(Walker, SeesSetCallerAndDirectFrame) {
  push_tagged(0x5000, LG_APPLICATION);
  push_tagged(0x6000, 7, LG_NAMES_STARTER, 11);
  push_tagged(0x7000, LG_RUNTIME, 5, 99);
  for (int round = 0; round < 3; round++) {  // by search, then by the guess of the last call
    ASSERT_EQ(walk(), Walked::kStack);
    EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_STARTER));
    EXPECT_EQ(stack_.depth_capped, 3);
    EXPECT_EQ(stack_.caller, 7);
    EXPECT_EQ(stack_.caller_function, 11u);
    EXPECT_EQ(stack_.direct, LG_RUNTIME);
    EXPECT_EQ(stack_.direct_vouching, 5);
    EXPECT_EQ(stack_.direct_function, 99u);
    EXPECT_TRUE(stack_.active.word[0] == (1u << LG_APPLICATION | 1u << LG_RUNTIME | 1u << 7));
  }
  EXPECT_EQ(walker_->counts().searches, 1u);
  EXPECT_EQ(codes(), (std::vector<uint64_t>{0x7000, 0x6000, 0x5000}));
}

TEST_F(Walker, PassesOverEntryFramesAndNone) {
  push_tagged(0x5000, LG_APPLICATION);
  program_.push(state_, 0x8888, 3);
  program_.push(state_, 0x9990);
  program_.push(state_, 0);
  push_tagged(0x6000, 9);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(codes(), (std::vector<uint64_t>{0x6000, 0x5000}));
}

TEST_F(Walker, ImageCodeIsTheRuntimesUnlessTheTableSaysMore) {
  program_.push(state_, 0x10010);
  push_tagged(0x10020, LG_RUNTIME, LG_VOUCH_IMPORT, 3);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, 0u);
  EXPECT_EQ(stack_.direct_vouching, LG_VOUCH_IMPORT);
  EXPECT_EQ(walker_->frames()[1].library, LG_RUNTIME);
  EXPECT_EQ(walker_->frames()[1].vouching, 0);
  EXPECT_EQ(stack_.caller, LG_RUNTIME);
}

TEST_F(Walker, UntaggedCodeIsUnknownAndIsTheCaller) {
  push_tagged(0x5000, LG_APPLICATION);
  program_.push(state_, 0x6000);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_UNKNOWN));
  EXPECT_EQ(stack_.caller, LG_UNKNOWN);
  EXPECT_TRUE(stack_.active.word[0] & 1);
  program_.tag({0x6000, 8, 0, 0});  // tagged later, no new epoch: must be seen
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, 0u);
  EXPECT_EQ(stack_.caller, 8);
}

TEST_F(Walker, AnEntryRemovedAndMadeAnewIsNotBelievedFromTheCache) {
  push_tagged(0x5000, 5);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.caller, 5);
  program_.untag(0x5000);
  program_.tag({0x5000, 6, 0, 0});
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.caller, 6);
}

TEST_F(Walker, ForkedWalkerStartsWithoutTheCache) {
  push_tagged(0x5000, 5);
  ASSERT_EQ(walk(), Walked::kStack);
  ProcessMemory other(getpid());
  const auto child = walker_->forked(other);
  program_.tag({0x5000, 6, 0, 0});  // the child's own history: same epoch number, other entry
  ThreadCache cache;
  ASSERT_EQ(child->walk(getpid(), FakeProgram::kThread, cache, &stack_), Walked::kStack);
  EXPECT_EQ(stack_.caller, 6);
}

TEST_F(Walker, NoStateIsSaid) {
  ThreadCache cache;
  ASSERT_EQ(walker_->walk(getpid(), 0x1234, cache, &stack_), Walked::kStack);
  EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_NO_STATE));
  EXPECT_FALSE(cache.had_state);
  EXPECT_EQ(stack_.active.word[0], 0u);
}

TEST_F(Walker, AFreedStateIsNotUsedThoughItsMemoryIsWhole) {
  push_tagged(0x5000, 5);
  ASSERT_EQ(walk(), Walked::kStack);
  program_.remove_state(state_);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_NO_STATE));
  EXPECT_TRUE(cache_.had_state);
  EXPECT_EQ(stack_.depth_capped, 0);
  state_ = program_.add_state(program_.interpreter, FakeProgram::kThread);
  push_tagged(0x6000, 6);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.caller, 6);
}

TEST_F(Walker, AStateThatWasFreedWithItsFramesIsNotUsedOnceTheyAreGone) {
  const uint64_t outer = push_tagged(0x5000, 5);
  push_tagged(0x6000, 6);
  ASSERT_EQ(walk(), Walked::kStack);
  program_.remove_state(state_, true);
  void* hole = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(hole, MAP_FAILED);
  program_.put(outer + 8, FakeProgram::address(hole));
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_NO_STATE));
  EXPECT_EQ(stack_.depth_capped, 0);
  munmap(hole, 4096);
}

TEST_F(Walker, WithMoreInterpretersNoStateIsUsedThatIsNotLinked) {
  program_.add_interpreter();
  push_tagged(0x5000, 5);
  ASSERT_EQ(walk(), Walked::kStack);
  program_.remove_state(state_, true);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_NO_STATE));
}

TEST_F(Walker, UnitesTheStatesOfAllInterpretersInnermostFirst) {
  push_tagged(0x5000, LG_APPLICATION);
  ASSERT_EQ(walk(), Walked::kStack);
  ASSERT_NE(cache_.state, 0u);
  const uint64_t second = program_.add_interpreter();  // after the guess was made
  const uint64_t inner = program_.add_state(second, FakeProgram::kThread);
  program_.tag({0x6000, 9, 0, 0});
  program_.push(inner, 0x6000);
  for (bool inner_is_deeper : {true, false}) {
    const uint64_t low = std::min(program_.get(state_ + 56), program_.get(inner + 56));
    const uint64_t high = std::max(program_.get(state_ + 56), program_.get(inner + 56));
    const uint64_t outer_frame = program_.get(program_.get(state_ + 56));
    const uint64_t inner_frame = program_.get(program_.get(inner + 56));
    program_.put(inner + 56, inner_is_deeper ? low : high);
    program_.put(state_ + 56, inner_is_deeper ? high : low);
    program_.put(program_.get(inner + 56), inner_frame);
    program_.put(program_.get(state_ + 56), outer_frame);
    ASSERT_EQ(walk(), Walked::kStack);
    EXPECT_EQ(stack_.flags, 0u);
    EXPECT_EQ(stack_.active.word[0], 1u << LG_APPLICATION | 1u << 9);
    EXPECT_EQ(stack_.caller, inner_is_deeper ? 9 : LG_APPLICATION);
  }
}

TEST_F(Walker, AStateBeingMadeForAnotherThreadHidesNothing) {
  push_tagged(0x5000, 5);
  program_.add_state(program_.interpreter, FakeProgram::kThread);  // heads the list, carries the maker's thread, empty
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.active.word[0], 1u << 5);
  EXPECT_EQ(cache_.state, 0u) << "two matches: no guess may be kept";
}

// A program whose threads have descriptors with a word that names their state.
class ThreadsWithWords : public ::testing::Test {
 protected:
  static constexpr uint64_t kWord = 792;

  ThreadsWithWords() : memory_(getpid()) {
    auto made = PythonWalker::create(memory_, program_.hello());
    if (made) walker_ = std::move(*made);
  }

  // A living thread with one frame of `library`; answers its pthread_self.
  uint64_t birth(uint16_t library) {
    descriptors_.emplace_back();
    descriptors_.back().fill(0);
    const uint64_t fs = FakeProgram::address(descriptors_.back().data());
    const uint64_t state = program_.add_state(program_.interpreter, fs), code = 0x5000 + library * 16;
    program_.tag({code, library, 0, 0});
    program_.push(state, code);
    FakeProgram::put(fs + kWord, state);
    return fs;
  }
  uint64_t state_of(uint64_t fs) { return FakeProgram::get(fs + kWord); }
  const lg_stack& walk(uint64_t fs) {
    EXPECT_EQ(walker_->walk(getpid(), fs, caches_[fs], &stack_), Walked::kStack);
    return stack_;
  }

  FakeProgram program_;
  ProcessMemory memory_;
  std::unique_ptr<PythonWalker> walker_;
  std::deque<std::array<uint8_t, 2304>> descriptors_;
  std::map<uint64_t, ThreadCache> caches_;
  lg_stack stack_{};
};

TEST_F(ThreadsWithWords, OneSearchFindsTheWordAndNoThreadIsSearchedAgain) {
  std::vector<uint64_t> threads;
  for (uint16_t i = 0; i < 300; i++) threads.push_back(birth(4 + i));
  for (uint16_t i = 0; i < 300; i++) {
    EXPECT_EQ(walk(threads[i]).caller, 4 + i);
    EXPECT_EQ(stack_.flags, 0u);
    EXPECT_EQ(stack_.depth_capped, 1);
  }
  const uint64_t late = birth(500);
  EXPECT_EQ(walk(late).caller, 500);
  EXPECT_EQ(walker_->counts().searches, 1u);
  EXPECT_EQ(walker_->counts().named, 300u);
  // The neighbour in the list ends: the link of this thread's state changes.
  program_.remove_state(state_of(threads[101]));
  EXPECT_EQ(walk(threads[100]).caller, 104);
  EXPECT_EQ(walker_->counts().searches, 1u);
  // A fork child goes on with the same memory.
  ProcessMemory other(getpid());
  const auto child = walker_->forked(other);
  ThreadCache cache;
  ASSERT_EQ(child->walk(getpid(), threads[7], cache, &stack_), Walked::kStack);
  EXPECT_EQ(stack_.caller, 11);
  EXPECT_EQ(child->counts().searches, 0u);
}

TEST_F(ThreadsWithWords, AWordIsNeverBelievedAgainstTheLists) {
  const uint64_t first = birth(4), second = birth(5);
  ASSERT_EQ(walk(first).caller, 4);
  const uint64_t real = state_of(second);
  const auto expect_search = [&](const char* why) {
    caches_.erase(second);
    const uint64_t searches = walker_->counts().searches;
    EXPECT_EQ(walk(second).caller, 5) << why;
    EXPECT_EQ(walker_->counts().searches, searches + 1) << why;
  };
  FakeProgram::put(second + kWord, state_of(first));
  expect_search("another thread's state");
  FakeProgram::put(second + kWord, 8);
  expect_search("no memory");
  FakeProgram::put(second + kWord, 0);
  expect_search("none");
  const uint64_t gone = program_.add_state(program_.interpreter, second);
  program_.remove_state(gone);
  FakeProgram::put(second + kWord, gone);
  expect_search("a state that was freed and is whole");
  FakeProgram::put(second + kWord, real);
  // In a second interpreter more of the thread's frames may stand.
  const uint64_t searches = walker_->counts().searches;
  program_.add_state(program_.add_interpreter(), second);
  walk(second);
  EXPECT_EQ(walker_->counts().searches, searches + 1);
  caches_.erase(second);
  walk(second);
  EXPECT_EQ(walker_->counts().searches, searches + 2);
}

TEST_F(ThreadsWithWords, AThreadNumberUsedAgainIsTheNewThread) {
  const uint64_t first = birth(4), reused = birth(5);
  ASSERT_EQ(walk(first).caller, 4);
  ASSERT_EQ(walk(reused).caller, 5);
  program_.remove_state(state_of(reused));
  const uint64_t again = program_.add_state(program_.interpreter, reused);
  program_.tag({0x9000, 9, 0, 0});
  program_.push(again, 0x9000);
  FakeProgram::put(reused + kWord, 0);  // libc clears it; the new thread has not set it yet
  EXPECT_EQ(walk(reused).caller, 9);
  FakeProgram::put(reused + kWord, again);
  EXPECT_EQ(walk(reused).caller, 9);
  program_.remove_state(again);
  EXPECT_EQ(walk(reused).flags, static_cast<uint32_t>(LG_STACK_NO_STATE));
}

TEST_F(Walker, ACycleEndsAndIsTruncated) {
  const uint64_t first = push_tagged(0x5000, 5);
  const uint64_t second = push_tagged(0x6000, 6);
  program_.put(first + 8, second);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_TRUNCATED));
  EXPECT_TRUE(stack_.active.word[0] & 1);
  EXPECT_EQ(stack_.caller, 6);
  EXPECT_EQ(stack_.depth_capped, LG_MAX_FRAMES);
}

TEST_F(Walker, AnUnreadableFrameIsAFault) {
  void* hole = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(hole, MAP_FAILED);
  const uint64_t outer = push_tagged(0x5000, LG_RUNTIME);
  program_.put(outer + 8, FakeProgram::address(hole));
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_FAULT));
  EXPECT_EQ(stack_.caller, LG_UNKNOWN) << "the caller may be beyond the fault";
  EXPECT_EQ(stack_.direct, LG_RUNTIME);
  EXPECT_TRUE(stack_.active.word[0] & 1);
  munmap(hole, 4096);
}

TEST_F(Walker, AnotherNonceOrAnUnmappedAreaIsAnotherImage) {
  push_tagged(0x5000, 5);
  ASSERT_EQ(walk(), Walked::kStack);
  program_.area.nonce[3] ^= 1;
  EXPECT_EQ(walk(), Walked::kOtherImage);
  EXPECT_EQ(stack_.caller, LG_UNKNOWN);
  EXPECT_EQ(stack_.active.word[0], 1u);
  EXPECT_EQ(cache_.state, 0u);
  program_.area.nonce[3] ^= 1;
  EXPECT_EQ(walk(), Walked::kStack);
}

TEST_F(Walker, AProcessThatIsGoneIsUnreadable) {
  EXPECT_EQ(walker_->walk(0x3ffffff, FakeProgram::kThread, cache_, &stack_), Walked::kUnreadable);
  EXPECT_EQ(stack_.flags, static_cast<uint32_t>(LG_STACK_FAULT));
}

TEST_F(Walker, SelfCheckComparesFrameByFrame) {
  push_tagged(0x5000, 5);
  push_tagged(0x6000, 6);
  ASSERT_EQ(walk(), Walked::kStack);
  uint64_t truth[] = {0x6000, 0x5000};
  EXPECT_TRUE(walker_->self_check({FakeProgram::address(truth), 2}));
  EXPECT_FALSE(walker_->self_check({FakeProgram::address(truth), 1}));
  truth[1] = 0x5001;
  EXPECT_FALSE(walker_->self_check({FakeProgram::address(truth), 2}));
  EXPECT_FALSE(walker_->self_check({FakeProgram::address(truth), ~0ull}));
  EXPECT_FALSE(walker_->self_check({8, 2}));
}

TEST_F(Walker, AHelloThatDoesNotFitIsRefused) {
  lg_hello said = program_.hello();
  said.hexversion = 0x03050000;
  EXPECT_EQ(PythonWalker::create(memory_, said).error().code, Code::kUnsupported);
  said = program_.hello();
  said.hexversion = 0x03200000;
  EXPECT_EQ(PythonWalker::create(memory_, said).error().code, Code::kUnsupported);
  said = program_.hello();
  said.nonce[0] ^= 1;
  EXPECT_FALSE(PythonWalker::create(memory_, said));
  said = program_.hello();
  said.area = 8;
  EXPECT_FALSE(PythonWalker::create(memory_, said));
  said = program_.hello();
  said.version++;
  const auto refused = PythonWalker::create(memory_, said);
  ASSERT_FALSE(refused);
  EXPECT_FALSE(refused.error().hint.empty());
}

// Up to 3.12 the state of a sub-interpreter carries the thread that made it; the C stack says who runs it.
TEST(ThreadStates, BelongToTheStackTheyRunOn) {
  constexpr uint64_t kMain = 0x7f0000900000, kWorker = 0x7f0000500000, kInitialStack = 0x7ffff0000000;
  const SeenState main_idle{0x1000, kMain, 0x1000 + 336};  // its cframe lies in itself: nothing runs
  const SeenState main_runs{0x1000, kMain, kInitialStack};
  const SeenState worker_runs{0x2000, kWorker, kWorker - 0x300};
  const SeenState made_by_main_run_by_worker{0x3000, kMain, kWorker - 0x800};
  const auto states = [](const std::vector<SeenState>& all, uint64_t thread, bool initial) {
    std::vector<uint64_t> found;
    for (const SeenState& seen : states_of_thread(all, thread, initial)) found.push_back(seen.state);
    return found;
  };
  using List = std::vector<uint64_t>;
  const std::vector<SeenState> all{made_by_main_run_by_worker, worker_runs, main_runs};
  EXPECT_EQ(states(all, kMain, true), (List{0x1000}));
  EXPECT_EQ(states(all, kWorker, false), (List{0x3000, 0x2000}));
  EXPECT_EQ(states(all, 0x7f0000700000, false), (List{}));
  EXPECT_EQ(states({main_idle, worker_runs}, kMain, true), (List{0x1000}));
  EXPECT_EQ(states({{0x1000, kMain, 0}, {0x3000, kMain, 0}, {0x2000, kWorker, 0}}, kMain, true),
            (List{0x1000, 0x3000}));
  // After a fork from a worker its stack is still below its own descriptor.
  EXPECT_EQ(states({worker_runs}, kWorker, true), (List{0x2000}));
}

// The guess of the last call has only a part of the page: what lies beyond it must be read, not taken for zeros.
TEST_F(Walker, ReadsAgainWhatTheGuessLeftOut) {
  auto* page = static_cast<uint8_t*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(page, MAP_FAILED);
  for (uint16_t library : {5, 6, 7, 8}) program_.tag({0x5000ull + library * 16, library, 0, 0});
  const uint64_t cframe = program_.get(state_ + 56);
  uint16_t library = 5;
  for (const uint64_t offset : {3000ull, 8ull, 2000ull, 4000ull, 3000ull}) {
    FakeProgram::put(FakeProgram::address(page) + offset, 0x5000ull + library * 16);
    FakeProgram::put(FakeProgram::address(page) + offset + 8, 0);
    FakeProgram::put(cframe, FakeProgram::address(page) + offset);
    ASSERT_EQ(walk(), Walked::kStack);
    EXPECT_EQ(stack_.flags, 0u);
    EXPECT_EQ(stack_.caller, library) << offset;
    library = library == 8 ? 5 : library + 1;
  }
  munmap(page, 4096);
}

// Codes that fall on one place of the cache keep their own entries.
TEST_F(Walker, ManyCodesAreCachedAndNoneForAnother) {
  for (uint64_t i = 0; i < 3000; i++) push_tagged(0x100000 + i * 48, static_cast<uint16_t>(4 + i % 1000));
  for (int round = 0; round < 3; round++) {
    ASSERT_EQ(walk(), Walked::kStack);
    ASSERT_EQ(walker_->frames().size(), 3000u);
    for (uint64_t i = 0; i < 3000; i++) EXPECT_EQ(walker_->frames()[2999 - i].library, 4 + i % 1000);
  }
  const CodeCounts& counts = walker_->code_counts();
  EXPECT_GT(counts.cached, 4500u) << "most are found in the cache from the second walk on";
}

// Frames over more pages than the buffer has, visited so that pages are recycled.
TEST_F(Walker, ReadsMorePagesThanItKeeps) {
  constexpr size_t kPages = 200;
  auto* far =
      static_cast<uint8_t*>(mmap(nullptr, kPages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(far, MAP_FAILED);
  program_.tag({0x5000, 5, 0, 0});
  uint64_t last = 0;
  for (size_t i = 0; i < 1500; i++) {
    const uint64_t at = FakeProgram::address(far) + (i * 37 % kPages) * 4096 + (i / kPages) * 488 % 4000;
    FakeProgram::put(at, 0x5000);
    FakeProgram::put(at + 8, last);
    last = at;
  }
  // Every address above is distinct: each frame leads to the one before it.
  FakeProgram::put(FakeProgram::get(state_ + 56), last);
  ASSERT_EQ(walk(), Walked::kStack);
  EXPECT_EQ(stack_.flags, 0u);
  EXPECT_EQ(stack_.depth_capped, 1500);
  munmap(far, kPages * 4096);
}

}  // namespace
}  // namespace libguard::testing
