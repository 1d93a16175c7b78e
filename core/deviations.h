// SPDX-License-Identifier: Apache-2.0
// Deviations: turns verdicts that were not allow into events, one per kind, repeats counted.
//
// Way:     events -> stack -> verdict -> *action*.
// Thread:  the serving thread only.
// Failure: the event file cannot be written: counted, said once on stderr; the verdict stands regardless.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <unordered_map>

#include "core/backend/backend.h"
#include "core/event/event.h"
#include "core/policy/policy.h"

namespace libguard {

struct DeviationOptions {
  Mode mode = Mode::kDetect;
  std::string policy_digest;
  std::string events_path;                     // JSON lines are appended; empty: none
  std::function<void(const Event&)> on_event;  // new kinds only; may be empty
  const Rules* rules = nullptr;                // for the grant that would allow it
  // The native stack of a thread that waits; asked where a call is not on the whitelist and there are no frames.
  std::function<std::vector<NativePlace>(const Call&)> native;
};

class Deviations {
 public:
  Deviations(DeviationOptions options, const LibraryTable& table);
  ~Deviations();
  Deviations(const Deviations&) = delete;
  Deviations& operator=(const Deviations&) = delete;

  // Opens the event file; call before the first report.
  Status open();

  // `action`: "deny", "log" or "kill". The stack is read only the first time a kind is met.
  void report(const Call& call, const lg_verdict& verdict, const std::string& executable, std::string_view action);

  // A refused attempt to get around the guard.
  void report_tamper(const Tamper& tamper, const std::string& executable);

  // A fact of another kind ("phase", "lost", "load").
  void tell(std::string_view kind, int pid, const std::string& message);

  // Writes the final counts of repeated kinds.
  void finish();

  uint64_t total() const { return total_; }
  size_t kinds() const { return kinds_.size(); }
  uint64_t unwritten() const { return unwritten_; }

 private:
  Event describe(const Call& call, const lg_verdict& verdict, const std::string& executable) const;
  bool is_listed(const Call& call) const;
  void name_culprits(const Call& call, const lg_verdict& verdict, Event& event) const;
  void write(const Event& event);

  DeviationOptions options_;
  const LibraryTable& table_;
  std::FILE* file_ = nullptr;
  std::string host_;
  struct Kind {
    Event event;
    uint64_t count = 0, written = 0;
  };
  void count(Kind& kind, uint64_t more);
  std::unordered_map<std::string, Kind> kinds_;
  uint64_t total_ = 0, unwritten_ = 0;
};

}  // namespace libguard
