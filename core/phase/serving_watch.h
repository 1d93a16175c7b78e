// SPDX-License-Identifier: Apache-2.0
// ServingWatch: notices from outside that a guarded process has begun to serve.
//
// Way:     *events -> phase*: beside the judging; says it once per process.
// Thread:  one of its own, which sleeps while there is nobody to watch; met() from any thread.
// Failure: a process that cannot be read stays in init. No thread can be made: start() says so.
//
// Quiescence: the process listens, and for kQuiet no thread of it was seen running and together they used less than a
// hundredth of the time. A start that waits for another service does so before it listens, or is taken for its end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/result.h"
#include "core/phase/activity.h"
#include "core/policy/serving_start.h"

namespace libguard {

class ServingWatch {
 public:
  static constexpr std::chrono::milliseconds kQuiet{300};

  // `serves` is called on the watch's thread. `masters`: programs that stay in init while their forks come to serve.
  ServingWatch(ServingStart start, std::vector<std::string> masters, std::function<void(pid_t)> serves);
  ~ServingWatch();
  ServingWatch(const ServingWatch&) = delete;
  ServingWatch& operator=(const ServingWatch&) = delete;

  Status start();
  // A process, or a new program in it. `forked`: of the same program as its parent.
  void met(pid_t pid, bool forked);
  // It was seen to listen by its call: what cannot be looked into shows nobody its sockets.
  void listening(pid_t pid);
  // It listens and waits: in no run can it come to serve before. True once, if it does not stay in init.
  bool waits(pid_t pid);
  // READY=1 has come: all that were met by now serve. Those that are met later serve when they are quiescent.
  void ready();

 private:
  using Clock = std::chrono::steady_clock;
  struct Watched {
    Clock::time_point met, due, quiet_since, listening_since;
    bool listening = false, told_listening = false, by_ready = false;
    uint64_t quiet_cpu = 0;
  };
  using Due = std::vector<std::pair<pid_t, Watched>>;
  void run();
  Due take_due(Clock::time_point now, Clock::time_point* wake);
  void look_at(Due due);
  bool look(pid_t pid, Watched& watched, Clock::time_point now, bool* ended) const;
  bool is_quiet(const Activity& seen, Watched& watched, Clock::time_point now) const;
  bool is_master(pid_t pid) const;

  ServingStart start_;
  std::vector<std::string> masters_;
  std::function<void(pid_t)> serves_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<pid_t, Watched> watched_;  // guarded by mutex_
  bool ready_ = false;                // guarded by mutex_
  bool ended_ = false;                // guarded by mutex_
  std::thread thread_;
};

}  // namespace libguard
