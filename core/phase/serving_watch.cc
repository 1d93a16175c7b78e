// SPDX-License-Identifier: Apache-2.0
// Looks at each starting process a few times a second, less often the longer it takes.
//
// Way:     see serving_watch.h.
// Thread:  see serving_watch.h.
// Failure: see serving_watch.h.
#include "core/phase/serving_watch.h"

#include <signal.h>

#include <algorithm>
#include <system_error>

namespace libguard {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr milliseconds kOften{50}, kSeldom{1000};

// Young processes are looked at often; one that never listens costs little.
milliseconds interval(nanoseconds age) {
  return std::clamp(std::chrono::duration_cast<milliseconds>(age / 20), kOften, kSeldom);
}

}  // namespace

ServingWatch::ServingWatch(ServingStart start, std::vector<std::string> masters, std::function<void(pid_t)> serves)
    : start_(std::move(start)), masters_(std::move(masters)), serves_(std::move(serves)) {}

ServingWatch::~ServingWatch() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status ServingWatch::start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the serving thread
  Status started;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    started = fail(Code::kDenied, std::string("no thread to watch for the serving phase: ") + error.what(),
                   "raise the limit of threads (ulimit -u), or leave 'phases' out");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

bool ServingWatch::is_master(pid_t pid) const {
  return std::any_of(masters_.begin(), masters_.end(), [pid](const std::string& name) { return is_called(pid, name); });
}

void ServingWatch::met(pid_t pid, bool forked) {
  const bool stays = !forked && !masters_.empty() && is_master(pid);
  std::lock_guard lock(mutex_);
  watched_.erase(pid);  // exec: a new program starts in init
  if (stays) return;
  Watched fresh{};
  fresh.met = Clock::now();
  fresh.due = fresh.met + kOften;
  fresh.by_ready = start_.kind == ServingStart::kReady && !ready_;
  watched_[pid] = fresh;
  changed_.notify_all();
}

void ServingWatch::listening(pid_t pid) {
  std::lock_guard lock(mutex_);
  if (auto at = watched_.find(pid); at != watched_.end()) at->second.told_listening = true;
}

bool ServingWatch::waits(pid_t pid) {
  if (start_.kind == ServingStart::kReady) return false;
  std::lock_guard lock(mutex_);
  return watched_.erase(pid) != 0;
}

void ServingWatch::ready() {
  if (start_.kind != ServingStart::kReady && start_.kind != ServingStart::kAuto) return;
  std::map<pid_t, Watched> serving;
  {
    std::lock_guard lock(mutex_);
    ready_ = true;
    serving.swap(watched_);
  }
  for (const auto& [pid, watched] : serving) serves_(pid);
}

bool ServingWatch::is_quiet(const Activity& seen, Watched& watched, Clock::time_point now) const {
  const auto quiet = now - watched.quiet_since;
  const uint64_t used = seen.cpu_nanoseconds - std::min(seen.cpu_nanoseconds, watched.quiet_cpu);
  const bool idle = used * 100 <= static_cast<uint64_t>(nanoseconds(std::max<nanoseconds>(quiet, kQuiet)).count());
  if (seen.blocked && idle && watched.quiet_cpu != 0) return quiet >= kQuiet;
  watched.quiet_since = now;
  watched.quiet_cpu = seen.cpu_nanoseconds;
  return false;
}

// Has it begun to serve? `ended`: there is nothing left to watch.
bool ServingWatch::look(pid_t pid, Watched& watched, Clock::time_point now, bool* ended) const {
  const Activity seen = read_activity(pid);
  *ended = !seen.alive;
  if (*ended || watched.by_ready) return false;
  if (!watched.listening && (watched.told_listening || listens(pid))) {
    watched.listening = true;
    watched.listening_since = now;
  }
  const bool quiet = is_quiet(seen, watched, now);
  if (!watched.listening) return false;
  if (now - watched.listening_since >= start_.after_listen) return true;
  return start_.kind != ServingStart::kListen && quiet;
}

ServingWatch::Due ServingWatch::take_due(Clock::time_point now, Clock::time_point* wake) {
  Due due;
  *wake = now + kSeldom;
  for (auto& [pid, watched] : watched_) {
    if (watched.due <= now) {
      due.emplace_back(pid, watched);
      watched.due = now + interval(now - watched.met);
    }
    *wake = std::min(*wake, watched.due);
  }
  return due;
}

// Without the lock: reading /proc takes long, and met() is called by the thread that serves all calls.
void ServingWatch::look_at(Due due) {
  for (auto& [pid, watched] : due) {
    bool ended = false;
    const bool serves = look(pid, watched, Clock::now(), &ended);
    {
      std::lock_guard lock(mutex_);
      auto at = watched_.find(pid);
      if (at == watched_.end() || at->second.met != watched.met) continue;  // a new program, or all are serving
      watched.due = at->second.due;
      watched.told_listening = at->second.told_listening;
      at->second = watched;
      if (serves || ended) watched_.erase(at);
    }
    if (serves) serves_(pid);
  }
}

void ServingWatch::run() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    Clock::time_point wake;
    Due due = take_due(Clock::now(), &wake);
    if (!due.empty()) {
      lock.unlock();
      look_at(std::move(due));
      lock.lock();
    } else if (watched_.empty()) {
      changed_.wait(lock, [this] { return ended_ || !watched_.empty(); });
    } else {
      changed_.wait_until(lock, wake, [this] { return ended_; });
    }
  }
}

}  // namespace libguard
