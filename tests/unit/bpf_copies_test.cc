// SPDX-License-Identifier: Apache-2.0
// The kernel's copy of classify, judge and walk against the C++ copy, over a million random inputs each. Needs root.
#include "tests/unit/bpf_copies.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "bpf/judge.h"
#include "bpf/kernel.h"
#include "core/backend/walk/python_offsets.h"
#include "tests/unit/walk_image.h"

namespace libguard::testing {
namespace {

// A million each; fewer on emulated machines.
const uint64_t kInputs =
    getenv("LIBGUARD_COPY_INPUTS") ? strtoull(getenv("LIBGUARD_COPY_INPUTS"), nullptr, 10) : 1 << 20;

struct Request {
  uint32_t count, pad;
};

class Copies : public ::testing::Test {
 protected:
  void SetUp() override {
    object_ = bpf_object__open(BPF_OBJECT);
    ASSERT_NE(object_, nullptr);
    ASSERT_EQ(bpf_object__load(object_), 0);
    inputs_ = mapped<lg_copy_input>("inputs", LG_COPY_BATCH);
    outputs_ = mapped<lg_copy_output>("outputs", LG_COPY_BATCH);
    matrix_ = mapped<lg_matrix>("matrices", 1);
  }
  void TearDown() override { bpf_object__close(object_); }

  int map(const char* name) { return bpf_object__find_map_fd_by_name(object_, name); }
  template <class T>
  T* mapped(const char* name, size_t count) {
    // Elements of an array map lie at multiples of 8 bytes.
    static_assert(sizeof(T) % 8 == 0);
    void* at = mmap(nullptr, sizeof(T) * count, PROT_READ | PROT_WRITE, MAP_SHARED, map(name), 0);
    return at == MAP_FAILED ? nullptr : static_cast<T*>(at);
  }
  int run(const char* name, void* context, uint32_t size) {
    bpf_program* program = bpf_object__find_program_by_name(object_, name);
    LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = context, .ctx_size_in = size);  // read and written
    int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
    return error ? error : static_cast<int>(options.retval);
  }
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
  bool coin(uint32_t of = 2) { return below(of) == 0; }
  uint16_t library() {
    static constexpr uint16_t kPool[] = {0, 1, 2, 3, 4, 63, 64, 127, 512, 1023};
    return coin(8) ? static_cast<uint16_t>(below(LG_MAX_LIBRARIES)) : kPool[below(std::size(kPool))];
  }
  lg_set set() {
    lg_set made{};
    for (uint32_t i = below(5); i > 0; i--) lg_set_add(&made, library());
    return made;
  }
  lg_subject subject();
  void fill_matrix();

  bpf_object* object_ = nullptr;
  lg_copy_input* inputs_ = nullptr;
  lg_copy_output* outputs_ = nullptr;
  lg_matrix* matrix_ = nullptr;
  std::mt19937_64 random_{20240731};
};

lg_subject Copies::subject() {
  lg_subject made{};
  made.stack.active = set();
  made.stack.caller = library();
  made.stack.direct = coin() ? static_cast<uint16_t>(LG_RUNTIME) : library();
  made.stack.direct_vouching = static_cast<uint16_t>(coin() ? random_() : 0);
  made.stack.depth_capped = static_cast<uint16_t>(below(3));
  made.stack.direct_function = below(4);
  made.stack.caller_function = below(4);
  made.stack.flags = coin() ? 0 : below(128);
  made.inherited = set();
  made.native = set();
  made.spawners = set();
  made.handoff.active = set();
  made.handoff.caller = library();
  made.handoff.noted = coin(3);
  made.phase = below(3);
  made.maker = coin() ? library() : uint16_t{0};
  return made;
}

void Copies::fill_matrix() {
  auto* words = reinterpret_cast<uint64_t*>(matrix_);
  for (size_t i = 0; i < sizeof(*matrix_) / 8; i++) words[i] = random_() & random_() & random_();
}

TEST_F(Copies, ClassifyAlike) {
  for (uint64_t done = 0; done < kInputs; done += LG_COPY_BATCH) {
    for (uint32_t i = 0; i < LG_COPY_BATCH; i++) {
      lg_copy_input& input = inputs_[i];
      input.nr = coin(16) ? static_cast<uint32_t>(random_()) : below(LG_NUMBERS + 8);
      input.self = below(4);
      for (auto& arg : input.args) arg = coin() ? below(128) : coin() ? 1ull << below(128) : random_();
      input.family = coin() ? 0 : below(20);
    }
    Request request{LG_COPY_BATCH, 0};
    ASSERT_EQ(run("copy_classify", &request, sizeof(request)), 0);
    for (uint32_t i = 0; i < LG_COPY_BATCH; i++) {
      const lg_copy_input& input = inputs_[i];
      ASSERT_EQ(outputs_[i].right, lg_classify(input.nr, input.args, input.self, input.family)) << "nr " << input.nr;
      ASSERT_EQ(outputs_[i].needs_family, lg_needs_family(input.nr, input.args) != 0) << "nr " << input.nr;
    }
  }
}

TEST_F(Copies, JudgeAlike) {
  uint64_t allowed = 0;
  for (uint64_t done = 0; done < kInputs; done += LG_COPY_BATCH) {
    if (done % (64 * LG_COPY_BATCH) == 0) fill_matrix();
    for (uint32_t i = 0; i < LG_COPY_BATCH; i++) {
      inputs_[i].right = below(LG_MAX_RIGHTS);
      inputs_[i].subject = subject();
      inputs_[i].known = coin();
    }
    Request request{LG_COPY_BATCH, 0};
    ASSERT_EQ(run("copy_judge", &request, sizeof(request)), 0);
    for (uint32_t i = 0; i < LG_COPY_BATCH; i++) {
      const lg_copy_input& input = inputs_[i];
      lg_verdict expected{};
      lg_judge(matrix_, &input.subject, static_cast<uint16_t>(input.right), input.known, &expected);
      ASSERT_EQ(std::memcmp(&outputs_[i].verdict, &expected, sizeof(expected)), 0) << "right " << input.right;
      ASSERT_EQ(outputs_[i].is_judged, lg_is_judged(matrix_, input.subject.phase, input.right) != 0);
      ASSERT_EQ(outputs_[i].needs_function, lg_needs_function(input.right, &input.subject) != 0);
      allowed += expected.allowed;
    }
  }
  EXPECT_GT(allowed, kInputs / 50);
  EXPECT_LT(allowed, kInputs - kInputs / 50);
}

// One program whose thread has one or two states; each round changes a frame or an entry, then both copies walk it.
TEST_F(Copies, WalkAlike) {
  FakeProgram program;
  const uint64_t states[] = {program.add_state(program.interpreter, FakeProgram::kThread),
                             program.add_state(program.interpreter, FakeProgram::kThread + 64)};
  ProcessMemory memory(getpid());
  auto walker = PythonWalker::create(memory, program.hello());
  ASSERT_TRUE(walker);
  auto offsets = python_offsets(memory, FakeProgram::kHexversion, program.runtime());
  ASSERT_TRUE(offsets);
  lg_image image{};
  image.kind = LG_IMAGE_CPYTHON;
  image.area = FakeProgram::address(&program.area);
  image.table = program.area.table;
  std::memcpy(image.nonce, program.area.nonce, sizeof(image.nonce));
  const lg_hello hello = program.hello();
  image.program = {hello.runtime_state + offsets->runtime_interpreters, hello.none, hello.image_low, hello.image_high};
  image.offsets = *offsets;
  uint32_t one = 1;
  ASSERT_EQ(bpf_map_update_elem(map("images"), &one, &image, BPF_ANY), 0);
  ThreadCache cache;
  uint64_t depths[2] = {}, compared[4] = {}, faults = 0;
  for (uint64_t done = 0; done < kInputs; done++) {
    const uint32_t which = below(2);
    // Codes in the table, in the image, of None, in no table.
    const uint64_t code = coin(8) ? 0x10000 + 16 * below(128) : coin(16) ? 0x9990 : 0x5000000 + 64 * below(512);
    if (coin(3) && depths[which] < 40) {
      program.push(states[which], code, coin(8) ? 3 : 0);
      depths[which]++;
    } else if (depths[which] > 0 && coin()) {
      program.pop(states[which]);
      depths[which]--;
    } else if (coin()) {
      program.tag({code, library(), static_cast<uint16_t>(coin() ? random_() : 0), below(1000)});
      program.area.epoch++;
    } else if (coin(4)) {
      program.untag(code);
    } else if (coin(16)) {  // a state that is being made carries its maker's thread
      FakeProgram::put(states[1] + 136, FakeProgram::kThread + (coin() ? 0 : 64));
    }
    lg_stack expected{};
    ASSERT_EQ((*walker)->walk(getpid(), FakeProgram::kThread, cache, &expected), Walked::kStack);
    lg_copy_walk walk{FakeProgram::kThread, {}};
    ASSERT_EQ(run("copy_walk", &walk, sizeof(walk)), 0);
    // The kernel moves pages now and then; the programs in it cannot wait for one, and say so. Here time and a look
    // from outside bring it back.
    for (int again = 0; again < 50 && (walk.stack.flags & LG_STACK_FAULT); again++) {
      faults += again == 0;
      usleep(1000);
      ASSERT_EQ((*walker)->walk(getpid(), FakeProgram::kThread, cache, &expected), Walked::kStack);
      ASSERT_EQ(run("copy_walk", &walk, sizeof(walk)), 0);
    }
    ASSERT_EQ(std::memcmp(&walk.stack, &expected, sizeof(expected)), 0)
        << "round " << done << ": caller " << walk.stack.caller << " and " << expected.caller << ", direct "
        << walk.stack.direct << " and " << expected.direct << ", depth " << walk.stack.depth_capped << " and "
        << expected.depth_capped << ", flags " << walk.stack.flags << " and " << expected.flags;
    compared[0]++;
    compared[1] += expected.depth_capped > 1;
    compared[2] += (expected.flags & LG_STACK_TRAMPOLINE) != 0;
    compared[3] += (expected.flags & LG_STACK_UNKNOWN) != 0;
  }
  EXPECT_LE(faults, 10 + kInputs / 10000);
  for (uint64_t count : compared) EXPECT_GT(count, kInputs / 100);
}

}  // namespace
}  // namespace libguard::testing
