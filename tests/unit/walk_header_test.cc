// SPDX-License-Identifier: Apache-2.0
// The pure steps of bpf/walk_cpython.h over byte arrays: made-up images, cut images, garbage.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "bpf/walk_cpython.h"
#include "core/backend/walk/python_offsets.h"

namespace libguard {
namespace {

constexpr uint64_t kBase = 0x100000;

// Memory from kBase on; everything else is not mapped.
struct Image {
  explicit Image(size_t size) : bytes(size) {}
  static int read(void* self, void* to, __u32 size, __u64 address) {
    auto* image = static_cast<Image*>(self);
    image->reads++;
    if (address < kBase || address - kBase > image->bytes.size() || size > image->bytes.size() - (address - kBase))
      return -1;
    std::memcpy(to, image->bytes.data() + (address - kBase), size);
    return 0;
  }
  lg_reader reader() { return {read, this}; }
  void put(uint64_t address, uint64_t value) { std::memcpy(bytes.data() + (address - kBase), &value, 8); }

  std::vector<uint8_t> bytes;
  size_t reads = 0;
};

std::vector<lg_python_offsets> all_offsets() {
  std::vector<lg_python_offsets> all;
  ProcessMemory none(0);
  for (uint32_t minor = 7; minor <= 12; minor++) all.push_back(*python_offsets(none, 0x03000000 | minor << 16, 0));
  uint64_t word[45] = {};
  std::memcpy(word, "xdebugpy", 8);
  word[1] = 0x030d00f0;
  for (size_t i = 3; i < 45; i++) word[i] = 0;
  const uint64_t known[][2] = {{5, 632}, {8, 7264}, {9, 7344}, {19, 304}, {21, 8}, {22, 16},
                               {23, 72}, {24, 152}, {28, 80},  {29, 8},   {33, 70}};
  for (const auto& [index, value] : known) word[index] = value;
  all.push_back(*parse_debug_offsets(0x030d00f0, word, sizeof(word)));
  for (size_t i = 3; i < 45; i++) word[i] = 0;
  const uint64_t newest[][2] = {{1, 0x030f00f0}, {5, 936}, {8, 7264}, {9, 7336}, {22, 888}, {24, 8},
                                {25, 16},        {26, 72}, {30, 176}, {39, 88},  {40, 8},   {44, 74}};
  for (const auto& [index, value] : newest) word[index] = value;
  all.push_back(*parse_debug_offsets(0x030f00f0, word, sizeof(word)));
  return all;
}

const lg_python_program kProgram{kBase, 0x99990, 0x50000, 0x60000};

TEST(WalkHeader, ReadsAChainOfFramesInEveryVersion) {
  for (const lg_python_offsets& o : all_offsets()) {
    Image image(1 << 16);
    lg_reader reader = image.reader();
    uint64_t previous = 0;
    for (uint64_t i = 0; i < 20; i++) {
      const uint64_t at = kBase + 0x400 + i * 0x100;
      image.put(at + o.frame_code, 0x7000 + i * 16);
      image.put(at + o.frame_previous, previous);
      previous = at;
    }
    lg_python_cursor cursor{0, previous, 0, 0};
    for (uint64_t i = 20; i-- > 0;) {
      ASSERT_EQ(lg_python_step(&reader, &o, &kProgram, &cursor), LG_STEP_FRAME) << std::hex << o.version;
      EXPECT_EQ(cursor.code, 0x7000 + i * 16);
    }
    EXPECT_EQ(lg_python_step(&reader, &o, &kProgram, &cursor), LG_STEP_END);
  }
}

TEST(WalkHeader, SkipsWhatIsNoPythonFrame) {
  for (const lg_python_offsets& o : all_offsets()) {
    uint8_t frame[LG_FRAME_BYTES] = {};
    const auto step = [&](uint64_t code, uint8_t owner) {
      std::memcpy(frame + o.frame_code, &code, 8);
      if (o.frame_owner != LG_NO_OFFSET) frame[o.frame_owner] = owner;
      lg_python_cursor cursor{0, 0x1234, 0, 0};
      return lg_python_take_frame(&o, &kProgram, frame, &cursor);
    };
    EXPECT_EQ(step(0, 0), LG_STEP_SKIP);
    EXPECT_EQ(step(kProgram.none, 0), LG_STEP_SKIP);
    EXPECT_EQ(step(0x7000, 1), LG_STEP_FRAME);
    EXPECT_EQ(step(0x7000, 3), o.frame_owner == LG_NO_OFFSET ? LG_STEP_FRAME : LG_STEP_SKIP);
    EXPECT_EQ(step(0x7000, 4), o.frame_owner == LG_NO_OFFSET ? LG_STEP_FRAME : LG_STEP_SKIP);
    EXPECT_EQ(step(0x50008, 0), o.skips_image ? LG_STEP_SKIP : LG_STEP_FRAME);
  }
}

TEST(WalkHeader, MasksTheTagOfAPointer) {
  lg_python_offsets o = all_offsets().back();
  o.code_tags = 3;
  uint8_t frame[LG_FRAME_BYTES] = {};
  const uint64_t code = 0x7001;
  std::memcpy(frame + o.frame_code, &code, 8);
  lg_python_cursor cursor{0, 0x1234, 0, 0};
  EXPECT_EQ(lg_python_take_frame(&o, &kProgram, frame, &cursor), LG_STEP_FRAME);
  EXPECT_EQ(cursor.code, 0x7000u);
}

TEST(WalkHeader, AFrameCutByTheEndOfMemoryIsAFault) {
  for (const lg_python_offsets& o : all_offsets()) {
    Image image(4096);
    lg_reader reader = image.reader();
    for (uint32_t cut = 1; cut <= o.frame_size; cut++) {
      lg_python_cursor cursor{0, kBase + 4096 - o.frame_size + cut, 0, 0};
      EXPECT_EQ(lg_python_step(&reader, &o, &kProgram, &cursor), LG_STEP_FAULT);
    }
  }
}

// Searches to the end as callers do; answers the last step.
int search(Image& image, const lg_python_offsets& o, uint64_t thread, lg_python_search* s) {
  lg_reader reader = image.reader();
  int step = lg_python_search_start(&reader, &kProgram, thread, s);
  for (int i = 0; step > LG_STEP_END && i < LG_MAX_SEARCH_STEPS; i++) step = lg_python_search_step(&reader, &o, s);
  return step;
}

// Two interpreters with `count` states each; every third belongs to thread 77.
void put_lists(Image& image, const lg_python_offsets& o, size_t count) {
  const uint64_t interpreters[] = {kBase + 0x10000, kBase + 0x20000};
  image.put(kBase, interpreters[0]);
  image.put(interpreters[0] + o.interpreter_next, interpreters[1]);
  for (int which = 0; which < 2; which++) {
    uint64_t link = interpreters[which] + o.interpreter_states, previous = 0;
    for (size_t i = 0; i < count; i++) {
      const uint64_t state = kBase + 0x30000 + (which * count + i) * 0x200;
      image.put(link, state);
      image.put(state + o.state_previous, previous);
      image.put(state + o.state_interpreter, interpreters[which]);
      image.put(state + o.state_thread, i % 3 == 0 ? 77 : 1000 + i);
      link = state + o.state_next;
      previous = state;
    }
  }
}

TEST(WalkHeader, FindsAllStatesOfAThread) {
  for (const lg_python_offsets& o : all_offsets()) {
    Image image(1 << 20);
    put_lists(image, o, 9);
    lg_python_search s;
    ASSERT_EQ(search(image, o, 77, &s), LG_STEP_END);
    EXPECT_EQ(s.found_count, 6u);
    EXPECT_EQ(s.interpreters_seen, 2u);
    EXPECT_EQ(s.found[0], kBase + 0x30000);
    lg_reader reader = image.reader();
    EXPECT_EQ(lg_python_confirm(&reader, &o, &kProgram, &s), LG_STEP_END);
    image.put(kBase, kBase + 0x20000);  // the list of interpreters changed meanwhile
    EXPECT_EQ(lg_python_confirm(&reader, &o, &kProgram, &s), LG_STEP_FAULT);
    EXPECT_EQ(search(image, o, 5, &s), LG_STEP_END);
    EXPECT_EQ(s.found_count, 0u);
  }
}

TEST(WalkHeader, CountsMoreStatesThanItKeeps) {
  const lg_python_offsets o = all_offsets()[4];
  Image image(1 << 20);
  put_lists(image, o, 30);
  lg_python_search s;
  ASSERT_EQ(search(image, o, 77, &s), LG_STEP_END);
  EXPECT_EQ(s.found_count, 20u);
}

TEST(WalkHeader, AStateThatDoesNotPointBackMeansStartAgain) {
  for (const lg_python_offsets& o : all_offsets()) {
    for (const uint32_t field : {o.state_previous, o.state_interpreter}) {
      Image image(1 << 20);
      put_lists(image, o, 4);
      image.put(kBase + 0x30000 + 2 * 0x200 + field, 0xdead);
      lg_python_search s;
      EXPECT_EQ(search(image, o, 77, &s), LG_STEP_FAULT);
    }
  }
}

TEST(WalkHeader, LinkIsTheNeighbourOrTheListsHead) {
  const lg_python_offsets o = all_offsets()[5];
  uint8_t state[LG_STATE_BYTES] = {};
  const uint64_t interpreter = 0x5000, previous = 0x6000;
  std::memcpy(state + o.state_interpreter, &interpreter, 8);
  EXPECT_EQ(lg_python_link(&o, state), 0x5000 + o.interpreter_states);
  std::memcpy(state + o.state_previous, &previous, 8);
  EXPECT_EQ(lg_python_link(&o, state), 0x6000 + o.state_next);
}

// Property: whatever memory holds, every walk and search ends within its bound and stays inside its buffers.
TEST(WalkHeader, GarbageNeverHangsOrOverruns) {
  std::mt19937_64 random(20240601);
  const auto versions = all_offsets();
  for (int round = 0; round < 3000; round++) {
    const lg_python_offsets& o = versions[random() % versions.size()];
    Image image(1 << 14);
    for (size_t at = 0; at + 8 <= image.bytes.size(); at += 8) {
      // Mostly pointers into the image, so that walks go far.
      const uint64_t value = random() % 4 ? kBase + random() % image.bytes.size() : random();
      std::memcpy(image.bytes.data() + at, &value, 8);
    }
    lg_reader reader = image.reader();
    lg_python_cursor cursor{0, kBase + random() % image.bytes.size(), 0, 0};
    int steps = 0;
    for (; steps < LG_MAX_FRAMES; steps++) {
      const int step = lg_python_step(&reader, &o, &kProgram, &cursor);
      ASSERT_TRUE(step == LG_STEP_FAULT || step == LG_STEP_END || step == LG_STEP_SKIP || step == LG_STEP_FRAME);
      if (step <= LG_STEP_END) break;
    }
    lg_python_search s;
    search(image, o, kBase + random() % image.bytes.size(), &s);
    lg_python_confirm(&reader, &o, &kProgram, &s);
    ASSERT_LE(s.interpreters_seen, static_cast<uint32_t>(LG_MAX_INTERPRETERS));
    ASSERT_LE(image.reads, static_cast<size_t>(LG_MAX_FRAMES + 2 * LG_MAX_SEARCH_STEPS + 2 * LG_MAX_INTERPRETERS + 8));
  }
}

// The client's way to add and remove, against a map.
TEST(WalkHeader, BucketsAgreeWithAMap) {
  std::mt19937_64 random(7);
  std::vector<lg_code_bucket> table(LG_TABLE_BUCKETS);
  std::map<uint64_t, lg_code_entry> model;
  const auto find = [&](uint64_t code, lg_code_entry* entry) {
    for (uint32_t probe = 0; probe < LG_TABLE_PROBES; probe++) {
      const auto& bucket = table[(lg_code_bucket_of(code) + probe) & (LG_TABLE_BUCKETS - 1)];
      const int answer = lg_bucket_find(&bucket, code, entry);
      if (answer != LG_ELSEWHERE) return answer == LG_FOUND;
    }
    return false;
  };
  const auto slot = [&](uint64_t code, auto fits) -> lg_code_entry* {
    for (uint32_t probe = 0; probe < LG_TABLE_PROBES; probe++)
      for (auto& entry : table[(lg_code_bucket_of(code) + probe) & (LG_TABLE_BUCKETS - 1)].entry)
        if (fits(entry)) return &entry;
    return nullptr;
  };
  size_t lost = 0;
  for (int round = 0; round < 400000; round++) {
    const uint64_t code = 0x7f0000000000 + random() % 80000 * 16;
    if (model.size() < 65536 && random() % 3) {
      if (model.count(code)) continue;
      lg_code_entry* free_slot = slot(code, [](auto& e) { return e.code <= LG_CODE_TOMBSTONE; });
      const lg_code_entry entry{code, static_cast<__u16>(random() % 1024), static_cast<__u16>(random()),
                                static_cast<__u32>(random())};
      if (!free_slot) {
        lost++;
        continue;
      }
      model[code] = *free_slot = entry;
    } else if (model.erase(code)) {
      slot(code, [&](auto& e) { return e.code == code; })->code = LG_CODE_TOMBSTONE;
    }
    const uint64_t asked = 0x7f0000000000 + random() % 80000 * 16;
    lg_code_entry entry{};
    const auto expected = model.find(asked);
    ASSERT_EQ(find(asked, &entry), expected != model.end());
    if (expected == model.end()) continue;
    ASSERT_EQ(std::memcmp(&entry, &expected->second, sizeof(entry)), 0);
  }
  EXPECT_EQ(lost, 0u) << "half full, eight buckets: nothing may be lost";
  lg_code_entry entry{};
  EXPECT_FALSE(find(0, &entry));
  EXPECT_FALSE(find(LG_CODE_TOMBSTONE, &entry));
}

TEST(WalkHeader, UntoldCodeIsUnknownOutsideTheImage) {
  EXPECT_EQ(lg_code_untold(&kProgram, 0x50000).library, LG_RUNTIME);
  EXPECT_EQ(lg_code_untold(&kProgram, 0x5ffff).library, LG_RUNTIME);
  EXPECT_EQ(lg_code_untold(&kProgram, 0x60000).library, LG_UNKNOWN);
  EXPECT_EQ(lg_code_untold(&kProgram, 0x4ffff).library, LG_UNKNOWN);
  EXPECT_EQ(lg_code_untold(&kProgram, 0x50000).vouching, 0);
}

}  // namespace
}  // namespace libguard
