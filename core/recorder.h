// SPDX-License-Identifier: Apache-2.0
// Recorder: counts what is seen while learning and makes the profile of it.
//
// Way:     events -> stack -> *profile*.
// Thread:  observe() on the serving thread; progress() from any thread.
// Failure: more than kMaxObservations kinds: the rest is counted in the profile's completeness.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>

#include "core/backend/backend.h"
#include "core/profile/profile.h"

namespace libguard {

class Recorder {
 public:
  static constexpr size_t kMaxObservations = 200000;

  explicit Recorder(const LibraryTable& table) : table_(table) {}

  // `executable` names the program that makes the call; the frames are read only for what was not seen before.
  void observe(const Call& call, const std::string& executable);

  // All that was seen, with libraries and processes derived.
  Profile profile() const;

  struct Progress {
    size_t libraries, pairs, new_pairs;  // pairs = (library, right); new = in the last minute
  };
  Progress progress() const;

 private:
  Observation describe(const Call& call, const std::string& executable, uint16_t caller) const;
  void note_pairs(const Call& call);

  const LibraryTable& table_;
  std::unordered_map<std::string, size_t> index_;  // key of a kind -> place in observations_
  std::vector<Observation> observations_;
  uint64_t dropped_ = 0;
  std::set<std::pair<uint16_t, uint16_t>> pairs_;
  std::set<uint16_t> libraries_;
  std::atomic<size_t> library_count_{0}, pair_count_{0};
  // New pairs of each of the last 60 seconds, by second modulo 60.
  struct Second {
    std::atomic<int64_t> when{0};
    std::atomic<size_t> pairs{0};
  } seconds_[60];
};

}  // namespace libguard
