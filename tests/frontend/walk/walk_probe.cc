// SPDX-License-Identifier: Apache-2.0
// walk_probe [--kernel] COMMAND...: runs a Python program that tells what stands on its stack, and compares the walk
// with it; --kernel: the walk that the bpf backend makes inside the kernel too, which needs root.
//
// The program calls prctl(kTestPrctl, operation, address, count) (harness.py). Exit code: 0 if the program ended with 0
// and every comparison agreed; a line of figures on stdout either way.
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/backend/walk/names.h"
#include "core/backend/walk/python_walk.h"
#include "tests/frontend/walk/guarded_child.h"
#include "tests/frontend/walk/kernel_walk.h"

namespace libguard::testing {
namespace {

// Operations, the same numbers as in harness.py.
enum Operation { kHello = 1, kCompare = 2, kNothing = 3, kWalk = 4, kName = 5 };

constexpr uint64_t kOtherImage = 1u << 31;
constexpr uint64_t kMismatch = 1u << 30;

struct Program {
  explicit Program(pid_t pid) : memory(pid) {}
  ProcessMemory memory;
  std::unique_ptr<PythonWalker> walker;
  std::unique_ptr<Names> names;
};

struct Thread {
  ThreadCache cache;
  uint64_t fs = 0;
};

uint64_t status_field(pid_t tid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(tid) + "/status");
  std::string word;
  uint64_t value = 0;
  while (file >> word)
    if (word == key && file >> value) return value;
  return 0;
}

class Probe {
 public:
  explicit Probe(std::unique_ptr<KernelCopy> kernel) : kernel_(std::move(kernel)) {}

  // The value that the prctl returns; below 0 an errno.
  int64_t answer(const seccomp_notif& call) {
    const auto tid = static_cast<pid_t>(call.pid);
    const uint64_t address = call.data.args[2];
    switch (call.data.args[1]) {
      case kHello:
        return hello(tid, address);
      case kNothing:
        return 0;
      case kCompare:
        return compare(tid, lg_self_check{address, call.data.args[3]});
      case kWalk:
        return walk(tid, true) == Walked::kStack ? stack_.depth_capped : -EFAULT;
      case kName:
        return name(tid, address, call.data.args[3]);
    }
    return -EINVAL;
  }

  bool report() const {
    WalkCounts sum;
    CodeCounts codes;
    uint64_t reads = 0, pieces = 0;
    for (const auto& [pid, program] : programs_) {
      if (!program->walker) continue;
      const WalkCounts& counts = program->walker->counts();
      sum.walks += counts.walks;
      sum.frames += counts.frames;
      sum.searches += counts.searches;
      sum.named += counts.named;
      sum.retries += counts.retries;
      sum.faults += counts.faults;
      codes.cached += program->walker->code_counts().cached;
      codes.read += program->walker->code_counts().read;
      reads += program->memory.counts().calls;
      pieces += program->memory.counts().pieces;
    }
    std::printf("comparisons %" PRIu64 " mismatches %" PRIu64 " | walks %" PRIu64 " frames %" PRIu64 " reads %" PRIu64
                " pieces %" PRIu64 " searches %" PRIu64 " named %" PRIu64 " retries %" PRIu64 " faults %" PRIu64
                " codes cached %" PRIu64 " read %" PRIu64 "\n",
                comparisons_, mismatches_, sum.walks, sum.frames, reads, pieces, sum.searches, sum.named, sum.retries,
                sum.faults, codes.cached, codes.read);
    if (kernel_) {
      const CopyCounts& copy = kernel_->counts();
      std::printf("in the kernel: compared %" PRIu64 " frames %" PRIu64 " not in memory %" PRIu64
                  " unknown beside sub-interpreters %" PRIu64 "\n",
                  copy.compared, copy.frames, copy.faults, copy.unseen);
    }
    return comparisons_ > 0 && mismatches_ == 0;
  }

 private:
  Program* program_of(pid_t tid) {
    const auto known = process_of_.find(tid);
    if (known != process_of_.end()) return programs_[known->second].get();
    const auto pid = static_cast<pid_t>(status_field(tid, "Tgid:"));
    process_of_[tid] = pid;
    auto& program = programs_[pid];
    if (program) return program.get();
    program = std::make_unique<Program>(pid);
    const auto parent = programs_.find(static_cast<pid_t>(status_field(tid, "PPid:")));
    if (parent != programs_.end() && parent->second->walker)
      program->walker = parent->second->walker->forked(program->memory);
    return program.get();
  }

  int64_t hello(pid_t tid, uint64_t address) {
    Program* program = program_of(tid);
    lg_hello said;
    if (!program->memory.read(address, &said)) return -EFAULT;
    auto walker = PythonWalker::create(program->memory, said);
    if (!walker) {
      std::fprintf(stderr, "hello: %s\n  hint: %s\n", walker.error().what.c_str(), walker.error().hint.c_str());
      return -EINVAL;
    }
    program->walker = std::move(*walker);
    if (Status told = kernel_ ? kernel_->hello(program->memory, said) : Status(); !told) return -EIO;
    program->names = std::make_unique<Names>(program->memory, [](uint32_t) { return std::string("harness"); });
    return 0;
  }

  // `known`: trust the pthread_self of this tid's last walk, as a backend does that saw the thread's birth.
  Walked walk(pid_t tid, bool known = false) {
    Program* program = program_of(tid);
    if (!program->walker) return Walked::kUnreadable;
    Thread& thread = threads_[tid];
    if (!known || !thread.fs) {
      void* head = nullptr;
      size_t size = 0;
      syscall(SYS_get_robust_list, tid, &head, &size);
      thread.fs = reinterpret_cast<uint64_t>(head) - program->walker->hello().robust_delta;
    }
    return program->walker->walk(tid, thread.fs, thread.cache, &stack_);
  }

  // Low 30 bits: caller, then flags; above: kMismatch, kOtherImage.
  int64_t compare(pid_t tid, const lg_self_check& check) {
    const Walked walked = walk(tid);
    if (walked == Walked::kOtherImage) return kOtherImage;
    if (walked != Walked::kStack) return -EFAULT;
    Program* program = program_of(tid);
    const int64_t seen = stack_.caller | uint64_t{stack_.flags} << 16;
    comparisons_++;
    const std::string other = kernel_ ? kernel_->compare(tid, stack_, program->walker->frames()) : "";
    const Status same = program->walker->self_check(check);
    if (!other.empty()) {
      mismatches_++;
      std::fprintf(stderr, "%s\n", other.c_str());
      return seen | kMismatch;
    }
    if (same) return seen;
    if (stack_.flags & LG_STACK_TRUNCATED) return seen;  // the program knows how deep it is
    mismatches_++;
    std::fprintf(stderr, "%s; flags %x; walk:", same.error().what.c_str(), stack_.flags);
    for (size_t i = 0; i < program->walker->frames().size() && i < 12; i++)
      std::fprintf(stderr, " %llx", program->walker->frames()[i].code);
    std::fprintf(stderr, "\n");
    return seen | kMismatch;
  }

  // Is `length` bytes of text at `address` the name of the function that calls?
  int64_t name(pid_t tid, uint64_t address, uint64_t length) {
    if (walk(tid) != Walked::kStack) return -EFAULT;
    Program* program = program_of(tid);
    std::string text(length, '\0');
    if (!program->names || !program->memory.read(address, text.data(), length)) return -EFAULT;
    return program->names->name(stack_.direct_function, program->walker->area()) == text;
  }

  std::unique_ptr<KernelCopy> kernel_;  // null: the walk from outside alone
  std::map<pid_t, std::unique_ptr<Program>> programs_;
  std::map<pid_t, pid_t> process_of_;
  std::map<pid_t, Thread> threads_;
  lg_stack stack_{};
  uint64_t comparisons_ = 0, mismatches_ = 0;
};

// Answers until the last task has ended; the status that the program ended with.
int serve(const GuardedChild& child, Probe& probe) {
  const int listener = child.listener, ended = static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0));
  int status = 0;
  pollfd waiting[] = {{listener, POLLIN, 0}, {ended, POLLIN, 0}};
  for (;;) {
    // Up to Linux 6.10 to receive would wait for ever then, and a listener does not hang up before the last task is
    // reaped.
    if (poll(waiting, 2, -1) < 0) {
      if (errno == EINTR) continue;
      return -1;
    }
    if (waiting[1].revents & POLLIN) {
      waitpid(child.pid, &status, 0);
      waiting[1] = {-1, 0, 0};
    }
    if (!(waiting[0].revents & POLLIN)) {
      if (waiting[0].revents & POLLHUP) break;
      continue;
    }
    seccomp_notif call{};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
      if (errno != EINTR && errno != ENOENT) return -1;
      continue;
    }
    seccomp_notif_resp response{};
    response.id = call.id;
    const int64_t value = probe.answer(call);
    if (value < 0)
      response.error = static_cast<int>(value);
    else
      response.val = value;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
  }
  if (waiting[1].fd >= 0) waitpid(child.pid, &status, 0);
  close(ended);
  return status;
}

}  // namespace
}  // namespace libguard::testing

int main(int argc, char** argv) {
  using namespace libguard::testing;
  const bool in_kernel = argc > 1 && std::string(argv[1]) == "--kernel";
  const int first = in_kernel ? 2 : 1;
  if (argc < first + 2) {
    std::fprintf(stderr, "usage: walk_probe [--kernel] PYTHON SCRIPT [ARGUMENT...]\n");
    return 2;
  }
  std::unique_ptr<KernelCopy> kernel;
  if (in_kernel) {
    auto loaded = KernelCopy::load();
    if (!loaded) {
      std::fprintf(stderr, "%s\n  hint: %s\n", loaded.error().what.c_str(), loaded.error().hint.c_str());
      return 1;
    }
    kernel = std::move(*loaded);
    setenv("LIBGUARD_ASK_KERNEL", std::to_string(KernelCopy::asked_by()).c_str(), 1);
  }
  const GuardedChild child = start_guarded({argv + first, argv + argc});
  Probe probe(std::move(kernel));
  const int status = serve(child, probe);
  const bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!ended_well) std::fprintf(stderr, "the program ended with status %x\n", status);
  return probe.report() && ended_well ? 0 : 1;
}
