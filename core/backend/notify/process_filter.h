// SPDX-License-Identifier: Apache-2.0
// ProcessFilter: makes processes that begin to serve put a filter on themselves, all threads at once.
//
// Way:     events -> verdict -> *action*: what the policy kills for is then refused by the kernel, whoever still lives.
// Thread:  one of its own, and one more per process for the moment of it; the functions from any thread.
// Failure: a process that cannot be stopped, or in which a thread has a filter of its own, gets none and is told of:
// the
//          supervisor judges it in any case.
//
// On top of the guard's filter, and narrower. Nothing takes it off again: forks and threads are under it too. TSYNC
// would spread a filter of the first thread's own to the others, and a filter of their own may kill for these very
// calls: such processes are left alone.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/backend/notify/injection.h"
#include "core/base/result.h"

namespace libguard {

class ProcessFilter {
 public:
  // `numbers`: calls that end the process. `wake` is called on its thread when there are results to take.
  static Result<std::unique_ptr<ProcessFilter>> make(const std::set<uint32_t>& numbers, std::function<void()> wake);
  ~ProcessFilter();
  ProcessFilter(const ProcessFilter&) = delete;
  ProcessFilter& operator=(const ProcessFilter&) = delete;

  Status start();
  // `inherited`: a fork of a process that was asked before; it may have the filter already.
  void put_on(pid_t pid, bool inherited);
  struct Told {
    pid_t pid;
    std::optional<Error> trouble;  // none: the filter is on
    bool inherited;                // and was, when we came
  };
  std::vector<Told> take();

  // Is this call of a thread that we make one of those that put the filter on?
  bool makes(pid_t tid, const seccomp_data& call) const;

 private:
  ProcessFilter(std::vector<sock_filter> filter, bool unmaps, std::function<void()> wake);
  struct Job {
    pid_t pid;
    bool inherited;
  };
  void run();
  void tell(Told told);
  Status check(const Job& job, pid_t* tid, bool* has_it) const;
  Status install(pid_t pid, pid_t tid);
  void announce(pid_t tid, const Injection::Call* call);
  void handle(const Job& job);

  const std::vector<sock_filter> filter_;
  const bool unmaps_;  // a process under it may still give memory back
  const std::function<void()> wake_;
  uint32_t guards_ = 0;  // filters of a guarded process that has none of its own
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Job> jobs_;         // guarded by mutex_
  std::vector<Told> told_;        // guarded by mutex_
  bool ended_ = false;            // guarded by mutex_
  Injection::Call expected_{};    // guarded by mutex_
  std::atomic<pid_t> making_{0};  // the thread that makes expected_; 0: none
  std::thread thread_;
};

// The signal that ended the process, as far as it can still be told: its parent may have taken the answer away.
int ending_signal(pid_t pid, int pidfd);

}  // namespace libguard
