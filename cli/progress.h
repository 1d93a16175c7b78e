// SPDX-License-Identifier: Apache-2.0
// The line that `record` refreshes on a terminal: elapsed, libraries, pairs, new pairs in the last minute.
//
// Way:     beside the recording.
// Thread:  a thread of its own, between construction and destruction.
// Failure: no terminal on stderr: nothing is printed.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "libguard/guard.h"

namespace libguard {

class ProgressLine {
 public:
  ProgressLine(const Guard& guard, bool wanted);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

 private:
  void run(const Guard& guard);
  std::mutex mutex_;
  std::condition_variable end_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace libguard
