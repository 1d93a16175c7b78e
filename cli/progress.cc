// SPDX-License-Identifier: Apache-2.0
// Prints once a second.
//
// Way:     see progress.h.
// Thread:  see progress.h.
// Failure: see progress.h.
#include "cli/progress.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <system_error>

namespace libguard {

ProgressLine::ProgressLine(const Guard& guard, bool wanted) {
  if (!wanted || !::isatty(STDERR_FILENO)) return;
  // Signals are for the serving thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this, &guard] { run(guard); });
  } catch (const std::system_error&) {
    // No thread for the line: the recording goes on without it.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ProgressLine::~ProgressLine() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  end_.notify_all();
  thread_.join();
  std::fputs("\r\033[K", stderr);
}

void ProgressLine::run(const Guard& guard) {
  auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!end_.wait_for(lock, std::chrono::seconds(1), [this] { return ended_; })) {
    Guard::Progress progress = guard.progress();
    auto elapsed = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
    std::fprintf(stderr,
                 "\r\033[Krecording %lld:%02lld  %zu libraries  %zu pairs (library, right)  %zu new in the last minute",
                 static_cast<long long>(elapsed / 60), static_cast<long long>(elapsed % 60), progress.libraries,
                 progress.pairs, progress.new_pairs);
    std::fflush(stderr);
  }
}

}  // namespace libguard
