// SPDX-License-Identifier: Apache-2.0
// What refuses on this kernel, proved once, and children that it refuses to.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <memory>
#include <vector>

#include "core/backend/bpf/abilities.h"

namespace libguard {

class Refusing : public ::testing::Test {
 protected:
  static constexpr int kErrno = EHWPOISON;  // nothing else answers with it
  static constexpr uint16_t kLibrary = 7;
  static constexpr uint32_t kImage = 1;
  static constexpr size_t kAnswers = 16000;  // the last one: whether the child may go

  static void SetUpTestSuite() {
    auto made = load_refusing(refusers_, nullptr, nullptr);
    ASSERT_TRUE(made) << made.error().what;
  }
  Refusing()
      : answers_(static_cast<int*>(
            mmap(nullptr, (kAnswers + 1) * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Refusing() override { munmap(answers_, (kAnswers + 1) * sizeof(int)); }

  // All that hooks can refuse is refused to the library kLibrary.
  void load(const KernelLimits& limits = {}) { load(refusers_, hooked_calls(), limits); }
  void load(const Refusers& refusers, const std::vector<int>& refused, const KernelLimits& limits = {}) {
    auto made = KernelSide::load(refusers, limits);
    ASSERT_TRUE(made) << made.error().what;
    kernel_ = std::move(*made);
    kernel_->refuse_calls(refused, kLibrary, kErrno);
    lg_image image{};
    image.kind = LG_IMAGE_NATIVE;
    image.library = kLibrary;
    ASSERT_TRUE(kernel_->set_image(kImage, image));
  }

  // Runs the work in a child, guarded or not; false: it did not come to its end. The child waits by no call that could
  // be refused already.
  bool in_child(bool guarded, const std::function<void()>& work) {
    int ready[2];
    EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
    volatile int* go = answers_ + kAnswers;
    *go = 0;
    pid_t child = child_ = fork();
    if (child == 0) {
      setpgid(0, 0);  // calls that act on a group
      signal(SIGPIPE, SIG_IGN);
      alarm(60);  // a call that waits is an end too
      if (write(ready[1], "", 1) != 1) _exit(1);
      while (*go == 0) sched_yield();
      work();
      syscall(SYS_exit_group, 0);
    }
    char byte;
    close(ready[1]);
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    EXPECT_TRUE(!guarded || kernel_->guard(child, kImage));
    *go = 1;
    close(ready[0]);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  inline static Refusers refusers_;
  std::unique_ptr<KernelSide> kernel_;
  int* answers_;  // shared with the children
  pid_t child_ = 0;
};

}  // namespace libguard
