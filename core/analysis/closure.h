// SPDX-License-Identifier: Apache-2.0
// What can run, starting from some functions: calls, tail calls, and calls through pointers at three levels.
//
// Way:     link -> *closure* -> system calls with a witness.
// Thread:  const after run(); one thread at a time (the program caches bindings).
// Failure: none; calls whose number is not known are listed.
#pragma once

#include <string>
#include <vector>

#include "core/analysis/program.h"

namespace libguard {

// Which functions can a call through a pointer reach?
enum class Level : uint8_t {
  kTaken,    // m0: every function whose address is taken anywhere
  kReached,  // m1: taken by code that can run, or by any initialised data
  kObjects,  // m2: as m1, but data counts only if its object is referenced by code or data that counts
};

// Results of earlier closures with the same options: a function that was a root before is not followed again.
class ClosureMemo {
 public:
  struct Entry {
    CallSet calls;
    bool pointer_calls = false, unresolved = false;
    std::vector<Node> waiting;  // taken, while no call through a pointer was reached
  };
  const Entry* find(Node node) const {
    auto found = entries_.find(node);
    return found == entries_.end() ? nullptr : &found->second;
  }
  void add(Node node, Entry entry) { entries_[node] = std::move(entry); }

 private:
  std::unordered_map<Node, Entry> entries_;
};

// What is left of a function that waits in the middle (frame_part.h), in terms of its file's summary.
struct LivePart {
  Node node = kNoNode;
  std::vector<uint32_t> edges, code_references;
  std::vector<SummaryData> data_references;
  bool makes_calls = false;  // the function's own system calls
  bool pointer_calls = false;
};

struct ClosureOptions {
  Level level = Level::kObjects;
  bool opened_data = true;  // data that opened libraries export can be looked up by name
  // Addresses that somebody else has taken, and what a call through one of them can reach (run with `also_taken`).
  const std::vector<Node>* also_taken = nullptr;
  const ClosureMemo::Entry* behind_taken = nullptr;
  const ClosureMemo* memo = nullptr;
  bool follow_pointers = true;  // false: calls through pointers reach nothing
  const std::vector<LivePart>* parts = nullptr;
  const std::vector<DataPlace>* also_referred = nullptr;  // data objects that somebody else refers to
};

class Closure {
 public:
  enum class How : uint8_t { kRoot, kCall, kPointer };
  Closure(const Program& program, ClosureOptions options);
  // Once more: goes on from there, in a program that has grown since.
  void run(const std::vector<Node>& roots);
  void clear();  // as new, without the price of a new one

  bool reached(Node node) const { return reached_[node] != 0; }
  bool taken(Node node) const { return taken_[node] != 0; }
  bool partly(Node node) const { return partly_.count(node) != 0; }  // what is left of it can run
  const CallSet& calls() const { return calls_; }
  void limit_to(const CallSet& calls) { calls_ &= calls; }
  size_t function_count() const { return count_; }
  const std::vector<Node>& unresolved() const { return unresolved_; }  // make calls with unknown numbers
  const std::vector<Node>& wrappers_by_pointer() const { return wrappers_by_pointer_; }
  ClosureMemo::Entry entry() const {
    return {calls_, pointer_calls_, !unresolved_.empty() || memo_unresolved_, waiting_};
  }
  // From a root to `node`, outermost first.
  std::vector<std::pair<Node, How>> path_to(Node node) const;
  // Names of shared objects and programs whose address code that can run gets hold of: (module, name).
  const std::vector<std::pair<uint32_t, std::string>>& names() const { return names_; }

 private:
  void grow();
  void enter(Node node, Node parent, How how);
  void take(Node node, Node parent);
  void take_everything();
  void take_exported_data();
  void visit(Node node);
  void visit_part(const LivePart& part);
  void refer_code(uint32_t reference, Node node);
  void visit_memo(const ClosureMemo::Entry& entry, Node node);
  void allow_pointer_calls();
  void refer(DataPlace place, uint32_t length, Node parent);
  void refer_once(DataPlace place, uint32_t length, Node parent);
  void follow_pointers(uint32_t module, uint64_t begin, uint64_t end, Node parent);
  void note_name(DataPlace place);
  bool is_new(DataPlace place);

  const Program& program_;
  ClosureOptions options_;
  std::vector<uint8_t> reached_, taken_;
  std::vector<How> how_;
  std::vector<Node> parent_, work_, waiting_;  // waiting: taken, but no call through a pointer can run yet
  std::vector<Node> all_taken_;
  struct Data {                                      // of one file
    std::vector<uint8_t> pointer_seen, object_seen;  // by pointer; by bound where an object begins
    std::vector<uint32_t> pointers, objects;         // what is set there
  };
  std::vector<Data> data_;
  std::set<Node> partly_;
  struct PendingData {
    DataPlace place;
    uint32_t length;
  };
  std::vector<PendingData> data_work_;
  void follow_pointer(uint32_t module, const SummaryPointer& pointer, Node parent);
  CallSet calls_;
  size_t count_ = 0, next_work_ = 0;
  bool pointer_calls_ = false, memo_unresolved_ = false;
  std::vector<Node> unresolved_, wrappers_by_pointer_;
  std::vector<std::pair<uint32_t, std::string>> names_;
};

}  // namespace libguard
