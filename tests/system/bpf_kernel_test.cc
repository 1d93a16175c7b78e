// SPDX-License-Identifier: Apache-2.0
// The programs in the kernel with real processes: who is followed, what is counted, what happens when room ends.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "core/backend/bpf/kernel_side.h"
#include "core/backend/bpf/observations.h"

namespace libguard {
namespace {

constexpr uint32_t kImage = 1;
constexpr uint16_t kLibrary = 7;
constexpr int kCounted = SYS_getpgid;  // harmless, and nobody makes it by the way

// As the filter of every guard does: clone3 keeps its flags in memory, libc falls back to clone.
void refuse_clone3() {
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                           BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                           BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog filter{4, program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    _exit(99);
}

class Told final : public Handler {
 public:
  Decision decide(const Call& call) override {
    counts[number(call.right)] += call.count;
    if (!call.reader->frames().empty()) with_frames++;
    programs.insert(call.program);
    return {};
  }
  ProgramInfo on_program(const ProgramBirth&) override { return {0, LibraryId::kUnknown}; }
  void on_hello(uint32_t, const lg_hello&, std::string_view) override {}
  uint64_t resolve(uint32_t, uint32_t, std::string_view, FileIdentity) override { return 0; }
  std::string module_name(uint32_t) override { return {}; }
  bool native_owner(std::string_view, LibraryId*) override { return false; }
  void on_exit(pid_t) override {}
  void on_phase(pid_t, uint32_t) override {}

  std::map<uint16_t, uint64_t> counts;
  int with_frames = 0;
  std::set<uint32_t> programs;
};

class Kernel : public ::testing::Test {
 protected:
  void load(const KernelLimits& limits = {}) {
    auto made = KernelSide::load({}, limits);
    ASSERT_TRUE(made) << made.error().what;
    kernel_ = std::move(*made);
    for (int nr : {SYS_clone, SYS_fork, SYS_vfork, SYS_execve}) kernel_->settings().want[nr] |= LG_WANT_BIRTH;
    count(kCounted);
    lg_image image{};
    image.kind = LG_IMAGE_NATIVE;
    image.library = kLibrary;
    ASSERT_TRUE(kernel_->set_image(kImage, image));
  }
  void count(int nr) {
    kernel_->settings().want[nr] |= LG_WANT_RIGHT;
    kernel_->settings().counted[nr / 64] |= 1ull << (nr % 64);
  }
  // Runs the work in a guarded child, to its end; its exit status.
  int guarded(const std::function<int()>& work) {
    int go[2];
    EXPECT_EQ(pipe2(go, O_CLOEXEC), 0);
    child_ = fork();
    if (child_ == 0) {
      char byte;
      if (read(go[0], &byte, 1) != 1) _exit(100);
      refuse_clone3();
      _exit(work());
    }
    EXPECT_TRUE(kernel_->guard(child_, kImage));
    EXPECT_EQ(write(go[1], "", 1), 1);
    close(go[0]);
    close(go[1]);
    int status = 0;
    waitpid(child_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  uint64_t counted(int nr) const {
    uint64_t sum = 0;
    for (const auto& [pair, calls] : kernel_->pairs())
      if (pair.right == nr) sum += calls;
    return sum;
  }
  std::set<uint16_t> libraries_of_states() const {
    std::set<uint16_t> all;
    for (const auto& [number, state] : kernel_->states())
      for (LibraryId id : LibrarySet(state.libraries).ids()) all.insert(libguard::number(id));
    return all;
  }

  std::unique_ptr<KernelSide> kernel_;
  pid_t child_ = 0;
};

void call_it(int times) {
  for (int i = 0; i < times; i++) syscall(kCounted, 0);
}

TEST_F(Kernel, CountsTheGuardedProcessAndNobodyElse) {
  load();
  call_it(500);
  EXPECT_EQ(guarded([] { return call_it(1000), 0; }), 0);
  call_it(500);
  EXPECT_EQ(counted(kCounted), 1000u);
  EXPECT_EQ(libraries_of_states(), std::set<uint16_t>{kLibrary});
  EXPECT_EQ(kernel_->image_of(child_), LG_IMAGE_DOOR) << "an ended process is still remembered";
}

TEST_F(Kernel, FollowsThreadsForksAndVforks) {
  load();
  EXPECT_EQ(guarded([] {
              std::thread([] { call_it(10); }).join();
              pid_t forked = fork();
              if (forked == 0) call_it(20), _exit(0);
              waitpid(forked, nullptr, 0);
              pid_t vforked = vfork();
              if (vforked == 0) {
                syscall(kCounted, 0);
                _exit(0);
              }
              waitpid(vforked, nullptr, 0);
              return 0;
            }),
            0);
  EXPECT_EQ(counted(kCounted), 31u);
  EXPECT_EQ(libraries_of_states(), std::set<uint16_t>{kLibrary});
  EXPECT_EQ(kernel_->counts().unknown_makers, 0u);
}

TEST_F(Kernel, GivesANewProgramANumberAndWaitsForItsName) {
  load();
  count(SYS_access);
  EXPECT_EQ(guarded([] { return execl("/bin/true", "true", nullptr); }), 0);
  bool pending = false;
  for (const auto& [number, state] : kernel_->states())
    pending |= state.image > kImage && (state.flags & LG_STATE_PENDING) != 0;
  EXPECT_TRUE(pending);
}

// The counts are told between the first call of a program and the moment when the supervisor hears of it.
TEST_F(Kernel, AProgramThatNobodyLookedAtIsLookedAtBeforeItsCallsAreTold) {
  load();
  count(SYS_access);  // the loader asks for its list of preloads
  int end[2];
  ASSERT_EQ(pipe2(end, O_CLOEXEC), 0);
  Told told;
  Observations observations(*kernel_, told);
  std::vector<pid_t> looked_at;
  observations.set_looker([&](pid_t pid) {
    looked_at.push_back(pid);
    CompanionProgram program{};
    program.program = 5;
    program.library = LibraryId{kLibrary};
    observations.know(kernel_->image_of(pid), program);
  });
  std::thread waits([&] {
    EXPECT_EQ(guarded([&] { return dup2(end[0], 0), close(end[1]), execl("/bin/cat", "cat", nullptr); }), 0);
  });
  for (int i = 0; i < 1000 && counted(SYS_access) == 0; i++) usleep(10000);
  observations.settle();
  observations.settle();
  close(end[1]);
  waits.join();
  EXPECT_EQ(looked_at, std::vector<pid_t>{child_});
  EXPECT_GT(told.counts[SYS_access], 0u);
  EXPECT_EQ(told.programs, std::set<uint32_t>{5});
  close(end[0]);
}

TEST_F(Kernel, AThousandForksLeaveNothingBehind) {
  load();
  EXPECT_EQ(guarded([] {
              for (int i = 0; i < 1000; i++) {
                pid_t made = fork();
                if (made == 0) syscall(kCounted, 0), _exit(0);
                waitpid(made, nullptr, 0);
              }
              return 0;
            }),
            0);
  EXPECT_EQ(counted(kCounted), 1000u);
  EXPECT_EQ(kernel_->processes().size(), 0u);
  EXPECT_EQ(kernel_->counts().processes_lost + kernel_->counts().unknown_makers, 0u);
}

void* call_with_all(void* all_there) {
  pthread_barrier_wait(static_cast<pthread_barrier_t*>(all_there));
  call_it(5);
  return nullptr;
}

// All alive at once.
int call_in_threads(int count) {
  pthread_barrier_t all_there;
  pthread_attr_t small;
  std::vector<pthread_t> threads(static_cast<size_t>(count));
  pthread_barrier_init(&all_there, nullptr, static_cast<unsigned>(count));
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  for (pthread_t& thread : threads)
    if (pthread_create(&thread, &small, call_with_all, &all_there) != 0) return 1;
  for (pthread_t& thread : threads) pthread_join(thread, nullptr);
  return 0;
}

TEST_F(Kernel, FiveThousandThreadsAtOnceAreAllFollowed) {
  load();
  constexpr int kThreads = 5000;
  EXPECT_EQ(guarded([] { return call_in_threads(kThreads); }), 0);
  EXPECT_EQ(counted(kCounted), 5u * kThreads);
  EXPECT_EQ(kernel_->counts().threads_lost + kernel_->counts().unknown_makers, 0u);
}

TEST_F(Kernel, APhaseOnlyGoesForward) {
  load();
  int ready[2], go[2];
  ASSERT_EQ(pipe(ready) + pipe(go), 0);
  pid_t child = fork();
  if (child == 0) {
    char byte;
    if (read(go[0], &byte, 1) == 1) call_it(1);
    _exit(0);
  }
  ASSERT_TRUE(kernel_->guard(child, kImage));
  EXPECT_TRUE(kernel_->set_phase(child, LG_SERVING));
  EXPECT_TRUE(kernel_->set_phase(child, LG_INIT));
  EXPECT_FALSE(kernel_->set_phase(child, LG_PHASES));
  EXPECT_FALSE(kernel_->set_phase(getpid(), LG_SERVING)) << "not guarded";
  ASSERT_EQ(write(go[1], "", 1), 1);
  waitpid(child, nullptr, 0);
  for (const auto& [number, state] : kernel_->states()) EXPECT_EQ(state.phase, LG_SERVING);
  EXPECT_EQ(counted(kCounted), 1u);
  for (int fd : {ready[0], ready[1], go[0], go[1]}) close(fd);
}

// Getters without an effect, each a right of its own.
const std::vector<int> kMany = {SYS_getpgid,
                                SYS_getsid,
                                SYS_getuid,
                                SYS_getgid,
                                SYS_geteuid,
                                SYS_getegid,
                                SYS_getppid,
                                SYS_getpgrp,
                                SYS_getpriority,
                                SYS_sched_getscheduler,
                                SYS_sched_getparam,
                                SYS_sched_get_priority_max,
                                SYS_sched_get_priority_min,
                                SYS_getitimer,
                                SYS_times,
                                SYS_getrusage};

int call_many() {
  for (int round = 0; round < 10; round++)
    for (int nr : kMany) syscall(nr, 0, 0, 0);
  return 0;
}

TEST_F(Kernel, AFullMapOfPairsIsCounted) {
  load({.pairs = 8});
  for (int nr : kMany) count(nr);
  EXPECT_EQ(guarded(call_many), 0);
  EXPECT_EQ(kernel_->pairs().size(), 8u);
  uint64_t seen = 0;
  for (const auto& [pair, calls] : kernel_->pairs()) seen += calls;
  EXPECT_EQ(seen, 80u);
  EXPECT_EQ(kernel_->counts().pairs_lost, (kMany.size() - 8) * 10);
}

TEST_F(Kernel, AFullMapOfStatesIsCounted) {
  load({.states = 1});
  EXPECT_EQ(guarded([] {
              pid_t made = fork();
              if (made == 0) call_it(5), execl("/bin/true", "true", nullptr), _exit(1);
              waitpid(made, nullptr, 0);
              return 0;
            }),
            0);
  count(SYS_access);
  EXPECT_EQ(guarded([] { return execl("/bin/true", "true", nullptr); }), 0);
  EXPECT_EQ(counted(kCounted), 5u);
  EXPECT_GT(kernel_->counts().states_lost, 0u);
}

TEST_F(Kernel, AFullRingLosesSamplesButNoCount) {
  load({.ring_bytes = 4096});
  for (int nr : kMany) count(nr);
  Told told;
  Observations observations(*kernel_, told);
  CompanionProgram program{};
  program.library = LibraryId{kLibrary};
  observations.know(kImage, program);
  EXPECT_EQ(guarded(call_many), 0);
  EXPECT_GT(kernel_->counts().events_lost, 0u);
  observations.settle();
  EXPECT_EQ(observations.unsampled(), kernel_->counts().events_lost);
  for (int nr : kMany) EXPECT_EQ(told.counts[static_cast<uint16_t>(nr)], 10u) << nr;
  observations.settle();
  for (int nr : kMany) EXPECT_EQ(told.counts[static_cast<uint16_t>(nr)], 10u) << nr << " was told twice";
}

}  // namespace
}  // namespace libguard
