// SPDX-License-Identifier: Apache-2.0
// The code table between the client that writes it and the supervisor that reads and caches it, in one process.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core/backend/walk/code_table.h"
#include "libguard/frontend.h"

namespace libguard::testing {
namespace {

constexpr uint64_t kCode = 0x5000;

// The area that the client makes for this process; there is no guard, so nobody answers its hello.
const lg_area& area() {
  static lg_hello said{};
  if (!said.area) lg_say_hello(&said);
  return *reinterpret_cast<const lg_area*>(said.area);
}

uint64_t epoch() { return __atomic_load_n(&area().epoch, __ATOMIC_SEQ_CST); }

class Codes : public ::testing::Test {
 protected:
  Codes() : memory_(getpid()), table_(memory_, area().table, lg_python_program{}) {}

  // As the supervisor does at each judged call: first the epoch, then what is not cached.
  lg_code_entry look() {
    table_.at_epoch(epoch());
    frames_.assign(1, lg_code_entry{kCode, 0, 0, 0});
    table_.name(frames_);
    return frames_[0];
  }

  ProcessMemory memory_;
  CodeTable table_;
  std::vector<lg_code_entry> frames_;
};

TEST_F(Codes, AbsenceIsNeverCached) {
  EXPECT_EQ(look().library, LG_UNKNOWN);
  const uint64_t before = epoch();
  const __u32 key = lg_code_put({kCode, 4, 0, 0});
  ASSERT_NE(key, 0u);
  EXPECT_EQ(epoch(), before) << "a new entry makes nothing wrong that was cached";
  EXPECT_EQ(look().library, 4);
  lg_code_drop(key);
  EXPECT_GT(epoch(), before);
  EXPECT_EQ(look().library, LG_UNKNOWN);
}

TEST_F(Codes, AnUnknownEntryIsSaidFromTheCacheToo) {
  const __u32 key = lg_code_put({kCode, LG_UNKNOWN, 0, 0});
  for (int round = 0; round < 2; round++) {
    frames_.assign(1, lg_code_entry{kCode, 0, 0, 0});
    table_.at_epoch(epoch());
    EXPECT_EQ(table_.name(frames_), static_cast<uint32_t>(LG_STACK_UNKNOWN));
  }
  EXPECT_EQ(table_.counts().cached, 1u);
  lg_code_drop(key);
}

// Who reads the old entry between the raise and the change caches it; only a raise after the change undoes that.
TEST_F(Codes, AnEntryThatIsReplacedIsNotBelievedFromTheCache) {
  ASSERT_NE(lg_code_put({kCode, 4, 4, 4}), 0u);
  constexpr int kRounds = 20000;
  std::atomic<int> written{0}, looked{0};
  std::thread writer([&] {
    for (int round = 1; round <= kRounds; round++) {
      const auto value = static_cast<__u16>(4 + round % 512);
      lg_code_put({kCode, value, value, value});
      written.store(round);
      while (looked.load() < round) std::this_thread::yield();
    }
  });
  int torn = 0, stale = 0;
  while (looked.load() < kRounds) {
    const int round = written.load();
    const lg_code_entry seen = look();
    torn += seen.library != seen.vouching || seen.library != seen.function;
    if (round == looked.load()) continue;
    stale += seen.library != 4 + round % 512;
    looked.store(round);
  }
  writer.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(stale, 0);
}

TEST_F(Codes, ReplacingRaisesTheEpochBeforeAndAfter) {
  const __u32 key = lg_code_put({kCode, 4, 0, 0});
  const uint64_t before = epoch();
  EXPECT_EQ(lg_code_put({kCode, 5, 0, 0}), key);
  EXPECT_GE(epoch(), before + 2);
  lg_code_drop(key);
}

}  // namespace
}  // namespace libguard::testing
