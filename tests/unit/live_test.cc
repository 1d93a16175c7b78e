// SPDX-License-Identifier: Apache-2.0
// Native stacks of threads that wait, what is left of their functions, and pointers in memory. The process is this one.
#include <alloca.h>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "core/live/function_place.h"
#include "core/live/memory_pointers.h"
#include "core/live/native_stack.h"

namespace libguard {
namespace {

std::atomic<int> g_sink{0};
std::atomic<pid_t> g_tid{0};
int g_pipe[2];

#define LIVE_FUNCTION extern "C" __attribute__((noinline, noclone, used))

}  // namespace

// A frame each: what is called last must not become a jump.
LIVE_FUNCTION void live_before() { g_sink += 1; }
LIVE_FUNCTION void live_after() { g_sink += 2; }
LIVE_FUNCTION void live_wait() {
  char byte;
  g_tid = gettid();
  if (read(g_pipe[0], &byte, 1) != 1) abort();
  g_sink += 3;
}
// Its frame is found by a register that the functions below it may not have saved.
LIVE_FUNCTION void live_alloca(size_t size) {
  auto* room = static_cast<volatile char*>(alloca(size));
  room[size - 1] = 1;
  live_wait();
  g_sink += room[size - 1];
}
LIVE_FUNCTION void live_once() {
  live_before();
  live_alloca(100);
  live_after();
}
LIVE_FUNCTION void live_for_ever() {
  for (;;) {
    live_before();
    live_once();
  }
}
LIVE_FUNCTION void live_handler(int) {
  live_wait();
  g_sink += 5;
}
LIVE_FUNCTION void live_taken() { g_sink += 7; }
LIVE_FUNCTION void live_at_exit() { g_sink += 8; }
LIVE_FUNCTION void live_not_taken() { g_sink += 9; }

namespace {

pid_t gettid_of_waiting() {
  while (g_tid == 0) usleep(1000);
  usleep(20'000);
  return g_tid;
}

class Live : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(pipe(g_pipe), 0);
    g_tid = 0;
    ASSERT_TRUE(space_.refresh());
  }
  void start(void* (*run)(void*)) { ASSERT_EQ(pthread_create(&thread_, nullptr, run, nullptr), 0); }
  void go_on() { ASSERT_EQ(write(g_pipe[1], "x", 1), 1); }
  void end() {
    go_on();
    pthread_join(thread_, nullptr);
    close(g_pipe[0]);
    close(g_pipe[1]);
  }
  uint64_t in_file(void (*function)()) { return space_.code_at(reinterpret_cast<uint64_t>(function))->address; }
  // Place in the stack, or -1.
  int find(const NativeStack& stack, uint64_t function) {
    auto at = std::find_if(stack.frames.begin(), stack.frames.end(),
                           [&](const NativeFrame& frame) { return frame.function == function; });
    return at == stack.frames.end() ? -1 : static_cast<int>(at - stack.frames.begin());
  }

  LiveFiles files_;
  AddressSpace space_{getpid(), files_};
  ProcessMemory memory_{getpid()};
  pthread_t thread_{};
};

TEST_F(Live, StackOfAWaitingThread) {
  start([](void*) -> void* {
    live_once();
    return nullptr;
  });
  NativeStack stack = read_native_stack(gettid_of_waiting(), space_, memory_);
  end();
  EXPECT_TRUE(stack.whole);
  int wait = find(stack, in_file(live_wait)), once = find(stack, in_file(live_once));
  ASSERT_GT(wait, 0);  // read is inside of it
  EXPECT_EQ(stack.frames[static_cast<size_t>(wait) + 1].function, in_file(reinterpret_cast<void (*)()>(live_alloca)));
  EXPECT_EQ(once, wait + 2);
  for (size_t i = 1; i < stack.frames.size(); i++) EXPECT_GT(stack.frames[i].cfa, stack.frames[i - 1].cfa);
}

TEST_F(Live, StackBelowASignalHandler) {
  struct sigaction action {};
  action.sa_handler = live_handler;
  action.sa_flags = SA_RESTART;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
  start([](void*) -> void* {
    live_once();
    return nullptr;
  });
  gettid_of_waiting();
  g_tid = 0;
  ASSERT_EQ(pthread_kill(thread_, SIGUSR1), 0);
  NativeStack stack = read_native_stack(gettid_of_waiting(), space_, memory_);
  go_on();
  end();
  EXPECT_TRUE(stack.whole);
  int handler = find(stack, in_file(reinterpret_cast<void (*)()>(live_handler))),
      once = find(stack, in_file(live_once));
  EXPECT_GE(handler, 2);
  EXPECT_GT(once, handler + 2);  // the return from the signal, read, and what waits in it
}

TEST_F(Live, WhatIsLeftOfAFunction) {
  start([](void*) -> void* {
    live_once();
    return nullptr;
  });
  NativeStack stack = read_native_stack(gettid_of_waiting(), space_, memory_);
  end();
  int once = find(stack, in_file(live_once));
  ASSERT_GT(once, 0);
  const NativeFrame& frame = stack.frames[static_cast<size_t>(once)];
  const FramePart& part = frame.file->parts().at(frame.address);
  auto calls = [&](void (*function)()) {
    return std::any_of(part.contribution.edges.begin(), part.contribution.edges.end(), [&](const CodeEdge& edge) {
      return edge.target == CodeTarget{0, in_file(function)};
    });
  };
  EXPECT_TRUE(part.found);
  EXPECT_TRUE(part.returns);
  EXPECT_FALSE(part.again);
  EXPECT_TRUE(calls(live_after));
  EXPECT_FALSE(calls(live_before));
}

TEST_F(Live, WhatIsLeftOfALoopWithoutEnd) {
  start([](void*) -> void* {
    live_for_ever();
    return nullptr;
  });
  NativeStack stack = read_native_stack(gettid_of_waiting(), space_, memory_);
  int loop = find(stack, in_file(live_for_ever));
  ASSERT_GT(loop, 0);
  const NativeFrame& frame = stack.frames[static_cast<size_t>(loop)];
  const FramePart& part = frame.file->parts().at(frame.address);
  EXPECT_FALSE(part.returns);
  EXPECT_TRUE(part.again);
  EXPECT_EQ(part.contribution.edges.size(), 2u);
  pthread_cancel(thread_);  // read() is where it ends
  pthread_join(thread_, nullptr);
}

TEST_F(Live, NoStackOfNobody) {
  NativeStack stack = read_native_stack(0x3fffff, space_, memory_);
  EXPECT_TRUE(stack.frames.empty());
  EXPECT_FALSE(stack.whole);
}

TEST_F(Live, PointersInMemoryAlsoMangledOnes) {
  auto heap = std::make_unique<void (*volatile)()>(live_taken);
  std::atexit(live_at_exit);
  ASSERT_TRUE(space_.refresh());
  Profile::Serving serving;
  find_pointers(space_, memory_, {}, &serving);
  auto place = space_.code_at(reinterpret_cast<uint64_t>(live_taken));
  const std::set<uint64_t>& found = serving.pointers[place->file->path];
  EXPECT_EQ(found.count(place->address), 1u);
  EXPECT_EQ(found.count(in_file(live_at_exit)), 1u);
  EXPECT_EQ(found.count(place->file->image.entry), 0u);
  (*heap)();
}

TEST(FunctionPlace, FindsSymbolsAndAddressesOfFiles) {
  const auto own = reinterpret_cast<uint64_t>(&live_after);
  auto find = [](const std::string& name) {
    auto place = FunctionPlace::parse(name);
    return place ? place->find(getpid()) : ~0ull;
  };
  EXPECT_EQ(find("live_after"), own);
  EXPECT_EQ(find("unit_live:live_after"), own);
  EXPECT_EQ(find("libc.so.6:getpriority"), reinterpret_cast<uint64_t>(dlsym(RTLD_NEXT, "getpriority")));
  EXPECT_EQ(find("no_such_function"), 0u);
  EXPECT_EQ(find("libc.so.6:live_after"), 0u);
  Dl_info self;
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&live_after), &self), 0);
  char offset[40];
  std::snprintf(offset, sizeof(offset), "unit_live+0x%lx",
                static_cast<unsigned long>(own - reinterpret_cast<uint64_t>(self.dli_fbase)));
  EXPECT_EQ(find(offset), own);
  EXPECT_EQ(find("unit_live+0x1"), 0u);  // no code
  for (const char* wrong : {"", "unit_live+0x", "unit_live+0xz", ":name", "file:"})
    EXPECT_EQ(find(wrong), ~0ull) << wrong;
}

}  // namespace
}  // namespace libguard
