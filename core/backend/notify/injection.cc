// SPDX-License-Identifier: Apache-2.0
// Injection by ptrace. Stops are asked for, not waited for: waiting belongs to the thread that watches our child.
//
// Way:     see injection.h.
// Thread:  see injection.h.
// Failure: see injection.h.
#include "core/backend/notify/injection.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "core/backend/notify/proc.h"
#include "core/backend/walk/process_memory.h"

namespace libguard {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kLongestCall{10};  // an injected one: the supervisor has to answer it
constexpr size_t kMaxMaps = 64u << 20;
constexpr uint64_t kMaxVdso = 64u << 10;

long trace(long request, pid_t tid, unsigned long address = 0, const void* data = nullptr) {
  return syscall(SYS_ptrace, request, tid, address, data);
}

void pause_shortly() {
  timespec pause{0, 20000};
  nanosleep(&pause, nullptr);
}

bool is_waiting_to_be_reaped(pid_t pid, pid_t tid) {
  char path[64], text[512] = "";
  std::snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
  FILE* file = std::fopen(path, "re");
  if (!file) return true;
  const size_t length = std::fread(text, 1, sizeof(text) - 1, file);
  std::fclose(file);
  text[length] = 0;
  const char* end = std::strrchr(text, ')');
  return !end || end[1] == 0 || end[2] == 'Z' || end[2] == 'X';
}

}  // namespace

tl::unexpected<Error> Injection::failed(const char* what) const {
  return fail(Code::kDenied, std::string(what) + " of process " + std::to_string(pid_) + ": " + std::strerror(errno),
              "a debugger there, or a container without ptrace? The supervisor goes on judging");
}

// Where the thread has stopped; kNone: not by then.
Injection::Stop Injection::wait(Clock::time_point until, int64_t* value) {
  for (;;) {
    ptrace_syscall_info info{};
    const long got = trace(PTRACE_GET_SYSCALL_INFO, tid_, sizeof(info), &info);
    if (got > 0) {
      if (info.arch != AUDIT_ARCH_X86_64) return Stop::kGone;
      if (info.op == PTRACE_SYSCALL_INFO_EXIT && value) *value = info.exit.rval;
      if (info.op == PTRACE_SYSCALL_INFO_EXIT) return Stop::kExit;
      return info.op == PTRACE_SYSCALL_INFO_ENTRY ? Stop::kEntry : Stop::kBetween;
    }
    if (errno != ESRCH || is_waiting_to_be_reaped(pid_, tid_)) return Stop::kGone;
    if (Clock::now() >= until) return Stop::kNone;
    pause_shortly();
  }
}

// Until it stands between two instructions; a signal that is just being delivered is delivered first.
Status Injection::interrupt(Clock::time_point until) {
  for (;;) {
    if (trace(PTRACE_INTERRUPT, tid_) != 0 && errno != EIO) return failed("cannot interrupt a thread");
    const Stop stop = wait(until, nullptr);
    if (stop == Stop::kNone || stop == Stop::kGone) {
      errno = stop == Stop::kNone ? ETIMEDOUT : ESRCH;
      return failed("cannot stop a thread");
    }
    siginfo_t signal{};
    const bool told = trace(PTRACE_GETSIGINFO, tid_, 0, &signal) == 0;
    if (stop == Stop::kBetween && (!told || signal.si_code >> 8 == PTRACE_EVENT_STOP)) return {};
    const unsigned long deliver = stop == Stop::kBetween ? static_cast<unsigned long>(signal.si_signo) : 0;
    trace(PTRACE_CONT, tid_, 0, reinterpret_cast<const void*>(deliver));
  }
}

// The kernel's own code in the process has calls of its own, in every program.
uint64_t Injection::find_instruction() const {
  const std::string maps = read_proc_file(pid_, "maps", kMaxMaps);
  const size_t name = maps.find("[vdso]");
  if (name == std::string::npos) return 0;
  const size_t before = maps.rfind('\n', name);
  unsigned long low = 0, high = 0;
  if (std::sscanf(maps.c_str() + (before == std::string::npos ? 0 : before + 1), "%lx-%lx", &low, &high) != 2) return 0;
  if (high <= low || high - low > kMaxVdso) return 0;
  std::string code(high - low, '\0');
  ProcessMemory memory(pid_);
  if (!memory.read(low, code.data(), code.size())) return 0;
  const size_t at = code.find("\x0f\x05");
  return at == std::string::npos ? 0 : low + at;
}

Status Injection::stop(std::chrono::milliseconds patience) {
  if (trace(PTRACE_SEIZE, tid_) != 0) return failed("cannot stop a thread");
  seized_ = true;
  instruction_ = find_instruction();
  if (instruction_ == 0) {
    errno = ENOENT;
    return failed("no instruction to make calls with in the memory");
  }
  if (Status stopped = interrupt(Clock::now() + patience); !stopped) return stopped;
  const uint64_t all = ~uint64_t{0};
  if (trace(PTRACE_SETOPTIONS, tid_, 0, reinterpret_cast<const void*>(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) !=
          0 ||
      trace(PTRACE_GETREGS, tid_, 0, &before_) != 0 || trace(PTRACE_GETSIGMASK, tid_, sizeof(mask_), &mask_) != 0 ||
      trace(PTRACE_SETSIGMASK, tid_, sizeof(all), &all) != 0)
    return failed("cannot read the registers");
  changed_ = true;
  return {};
}

Result<int64_t> Injection::call(int nr, const std::array<uint64_t, 6>& args) {
  user_regs_struct registers = before_;
  registers.rip = instruction_;
  registers.rax = static_cast<uint64_t>(nr);
  registers.orig_rax = ~0ull;  // nothing is to be made again
  registers.rdi = args[0], registers.rsi = args[1], registers.rdx = args[2];
  registers.r10 = args[3], registers.r8 = args[4], registers.r9 = args[5];
  announce_({nr, args, instruction_ + 2});
  if (trace(PTRACE_SETREGS, tid_, 0, &registers) != 0) return failed("cannot set the registers");
  const auto until = Clock::now() + kLongestCall;
  int64_t value = 0;
  for (;;) {
    if (trace(PTRACE_SYSCALL, tid_) != 0) return failed("cannot continue a thread");
    const Stop stop = wait(until, &value);
    if (stop == Stop::kExit) return value;
    if (stop == Stop::kEntry || stop == Stop::kBetween) continue;  // its beginning; or SIGSTOP, which nothing holds off
    errno = stop == Stop::kNone ? ETIMEDOUT : ESRCH;
    return failed("a call did not end");
  }
}

Injection::~Injection() {
  if (!seized_) return;
  // Set where the kernel looks next whether a call is to be made again.
  if (changed_ && interrupt(Clock::now() + kLongestCall)) {
    trace(PTRACE_SETREGS, tid_, 0, &before_);
    trace(PTRACE_SETSIGMASK, tid_, sizeof(mask_), &mask_);
  }
  trace(PTRACE_DETACH, tid_);
}

}  // namespace libguard
