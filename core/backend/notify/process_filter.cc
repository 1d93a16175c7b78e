// SPDX-License-Identifier: Apache-2.0
// Three injected calls: memory for the filter, the filter, the memory back.
//
// Way:     see process_filter.h.
// Thread:  see process_filter.h.
// Failure: see process_filter.h.
#include "core/backend/notify/process_filter.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <system_error>

#include "core/backend/notify/proc.h"
#include "core/rights/kill_filter.h"

namespace libguard {
namespace {

constexpr std::chrono::seconds kPatience{2};

// How many filters a thread is under; 0: gone.
uint32_t filters_of(pid_t pid, pid_t tid) {
  char path[48];
  std::snprintf(path, sizeof(path), "task/%d/status", tid);
  const std::string status = read_proc_file(pid, path, 65536);
  const size_t at = status.find("\nSeccomp_filters:");
  return at == std::string::npos ? 0 : static_cast<uint32_t>(std::strtoul(status.c_str() + at + 17, nullptr, 10));
}

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> threads;
  const std::string path = "/proc/" + std::to_string(pid) + "/task";
  std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), closedir);
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr)
    if (const pid_t tid = std::atoi(entry->d_name); tid > 0) threads.push_back(tid);
  return threads;
}

bool write_memory(pid_t pid, uint64_t address, const void* bytes, size_t size) {
  const iovec local{const_cast<void*>(bytes), size}, remote{reinterpret_cast<void*>(address), size};
  return process_vm_writev(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

tl::unexpected<Error> not_made(const char* what, int64_t error) {
  return fail(Code::kDenied, std::string(what) + ": " + std::strerror(static_cast<int>(error)),
              "the supervisor goes on judging");
}

tl::unexpected<Error> has_own(pid_t tid) {
  return fail(Code::kUnsupported, "thread " + std::to_string(tid) + " has a seccomp filter of its own",
              "the supervisor goes on judging");
}

}  // namespace

ProcessFilter::ProcessFilter(std::vector<sock_filter> filter, bool unmaps, std::function<void()> wake)
    : filter_(std::move(filter)),
      unmaps_(unmaps),
      wake_(std::move(wake)),
      guards_(filters_of(getpid(), getpid()) + 1) {}

Result<std::unique_ptr<ProcessFilter>> ProcessFilter::make(const std::set<uint32_t>& numbers,
                                                           std::function<void()> wake) {
  auto filter = make_kill_filter(numbers);
  if (!filter) return tl::unexpected(filter.error());
  const bool unmaps = numbers.count(SYS_munmap) == 0;
  return std::unique_ptr<ProcessFilter>(new ProcessFilter(std::move(*filter), unmaps, std::move(wake)));
}

ProcessFilter::~ProcessFilter() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status ProcessFilter::start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the serving thread
  Status started;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    started = fail(Code::kLimit, std::string("no thread to put filters on: ") + error.what(),
                   "raise the limit of threads (ulimit -u)");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void ProcessFilter::put_on(pid_t pid, bool inherited) {
  std::lock_guard lock(mutex_);
  jobs_.push_back({pid, inherited});
  changed_.notify_all();
}

std::vector<ProcessFilter::Told> ProcessFilter::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(told_, {});
}

void ProcessFilter::tell(Told told) {
  {
    std::lock_guard lock(mutex_);
    told_.push_back(std::move(told));
  }
  wake_();
}

bool ProcessFilter::makes(pid_t tid, const seccomp_data& call) const {
  if (making_.load(std::memory_order_acquire) != tid) return false;
  std::lock_guard lock(mutex_);
  return call.nr == expected_.nr && call.instruction_pointer == expected_.instruction_pointer &&
         std::equal(expected_.args.begin(), expected_.args.end(), std::begin(call.args));
}

void ProcessFilter::announce(pid_t tid, const Injection::Call* call) {
  std::lock_guard lock(mutex_);
  if (call) expected_ = *call;
  making_.store(call ? tid : 0, std::memory_order_release);
}

// Which thread is to act. *has_it: there is nothing left to do.
Status ProcessFilter::check(const Job& job, pid_t* tid, bool* has_it) const {
  bool all_have_one_more = true;
  *tid = 0;
  pid_t other = 0;
  for (const pid_t thread : threads_of(job.pid)) {
    const uint32_t filters = filters_of(job.pid, thread);
    if (filters == 0) continue;
    if (*tid == 0 || thread == job.pid) *tid = thread;
    if (filters != guards_) other = thread;
    all_have_one_more = all_have_one_more && filters == guards_ + 1;
  }
  *has_it = job.inherited && all_have_one_more;
  if (other == 0 || *has_it) return {};
  return has_own(other);
}

Status ProcessFilter::install(pid_t pid, pid_t tid) {
  Injection thread(pid, tid, [this, tid](const Injection::Call& call) { announce(tid, &call); });
  if (Status stopped = thread.stop(kPatience); !stopped) return stopped;
  const size_t bytes = sizeof(sock_fprog) + filter_.size() * sizeof(sock_filter);
  auto memory = thread.call(SYS_mmap, {0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull, 0});
  if (!memory) return tl::unexpected(memory.error());
  if (*memory < 0 && *memory > -4096) return not_made("no memory for the filter", -*memory);
  const auto place = static_cast<uint64_t>(*memory);
  sock_fprog program{static_cast<unsigned short>(filter_.size()),
                     reinterpret_cast<sock_filter*>(place + sizeof(sock_fprog))};
  if (!write_memory(pid, place, &program, sizeof(program)) ||
      !write_memory(pid, place + sizeof(program), filter_.data(), filter_.size() * sizeof(sock_filter)))
    return not_made("the filter cannot be written into the process", errno);
  auto installed = thread.call(SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, place, 0, 0, 0});
  if (!installed) return tl::unexpected(installed.error());
  if (*installed > 0) return has_own(static_cast<pid_t>(*installed));
  if (*installed < 0) return not_made("the kernel does not take the filter", -*installed);
  if (unmaps_) [[maybe_unused]]
    auto ignored = thread.call(SYS_munmap, {place, bytes});
  return {};
}

void ProcessFilter::handle(const Job& job) {
  pid_t tid = 0;
  bool has_it = false;
  Status checked = check(job, &tid, &has_it);
  if (tid == 0) return;  // it has ended
  if (checked && !has_it) checked = install(job.pid, tid);
  announce(tid, nullptr);
  tell({job.pid, checked ? std::nullopt : std::optional<Error>(checked.error()), has_it});
}

// Each process by a thread of its own: when that ends, the kernel lets go whatever became of the process.
void ProcessFilter::run() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    if (jobs_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const Job job = jobs_.front();
    jobs_.erase(jobs_.begin());
    lock.unlock();
    try {
      std::thread([this, &job] { handle(job); }).join();
    } catch (const std::system_error& error) {
      tell({job.pid,
            Error{Code::kLimit, std::string("no thread to put the filter on: ") + error.what(),
                  "raise the limit of threads (ulimit -u)"},
            false});
    }
    lock.lock();
  }
}

// While it waits to be reaped /proc has it; afterwards, since Linux 6.15, its pidfd.
int ending_signal(pid_t pid, int pidfd) {
  struct {
    uint64_t mask, cgroup;
    uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
  } info{};
  constexpr uint64_t kExit = 1 << 3;
  const std::string stat = read_proc_file(pid, "stat", 4096);
  if (const size_t end = stat.rfind(')'); end != std::string::npos) {
    const size_t last = stat.find_last_of(' ');
    const int status = std::atoi(stat.c_str() + last);
    if (last > end && status != 0 && stat.compare(end, 3, ") Z") == 0)
      return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }
  info.mask = kExit;
  if (ioctl(pidfd, _IOWR(0xFF, 11, info), &info) != 0 || (info.mask & kExit) == 0) return 0;
  return WIFSIGNALED(info.exit_code) ? WTERMSIG(info.exit_code) : 0;
}

}  // namespace libguard
