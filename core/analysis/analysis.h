// SPDX-License-Identifier: Apache-2.0
// Static analysis of a program: every system call that it and its libraries can make, per file, with witnesses.
//
// Way:     files -> *analysis* -> starting profile, whitelists.
// Thread:  analyse() uses several; an Analysis is used by one.
// Failure: a program that cannot be read is an Error. What limits the answer is in it: missing libraries, calls whose
//          number is not known, code that no table describes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/analysis/closure.h"

namespace libguard {

struct AnalysisOptions {
  std::string program;            // path below the root
  std::vector<std::string> with;  // libraries that the program opens at run time: paths or names
  std::string root = "/";
  Level level = Level::kObjects;
  bool loader_start = true;  // what the dynamic loader does before the program starts
  bool open_found = true;    // libraries that the program knows by name, and the machine's name services, too
  unsigned threads = 2;
  std::shared_ptr<SummaryCache> cache;  // may be shared by several analyses, one after the other; empty: none
  std::function<void(const LoadProgress&)> progress;
};

// One library's row: the calls made by it, or on its behalf by the C library right below it.
struct MatrixRow {
  uint32_t module = 0;
  size_t reached = 0;  // functions
  CallSet calls;
};

struct ExportRow {
  std::string name;
  CallSet calls;
  bool unresolved = false;  // reaches a call whose number is not known
};

// A call whose number could not be found.
struct UnresolvedSite {
  std::string function, path;
  uint64_t address = 0;
  bool reviewed = false;    // the C library's set*id broadcast: the number is one that its callers make themselves too
  bool by_pointer = false;  // a wrapper such as syscall(3) may be called through a pointer
};

// What a living process had on its stacks and in its memory, and which functions ran in it later; addresses are those
// of the files. Profile::Serving says more.
struct LiveState {
  using Addresses = std::map<std::string, std::set<uint64_t>>;  // by file
  std::vector<std::vector<std::pair<std::string, uint64_t>>> stacks;
  Addresses functions, pointers, data;
};

// What a call through a pointer can reach in a living process.
enum class LivePointers : uint8_t {
  kSeen,    // what ran in it
  kMemory,  // that, and what its memory pointed to, and everything that code which can still run takes the address of
};

class Analysis {
 public:
  explicit Analysis(AnalysisOptions options);
  const Program& program() const { return program_; }
  const Closure& closure() const { return phase_closure(serving_shown_); }
  const CallSet& calls() const { return closure().calls(); }
  const AnalysisOptions& options() const { return options_; }
  std::vector<Node> roots() const;             // where code starts: entry, constructors, what is looked up by name
  std::vector<std::string> not_found() const;  // libraries that are needed or were asked for
  std::vector<UnresolvedSite> unresolved() const;
  std::vector<Node> makers_of(int call) const;  // reached functions that make it, shortest witness first
  std::map<int, Node> nearest_makers() const;   // of each call the one with the shortest witness
  std::vector<MatrixRow> matrix() const;        // files with code that can run
  // Whole process behind each exported function of a file; `told` hears how many are done.
  std::vector<ExportRow> exports(uint32_t module, const std::function<void(size_t, size_t)>& told) const;
  // Finds what can still run in a process that stands there: its serving phase. `unknown`: files that are no part of
  // the program.
  void resume(const LiveState& live, LivePointers pointers, std::vector<std::string>* unknown);
  bool knows_serving() const { return serving_ != nullptr; }
  // From now on all answers are about the serving phase, or again about the whole program.
  void show_serving(bool shown) { serving_shown_ = shown && knows_serving(); }
  // The file that a name or path means: soname, file name or path.
  uint32_t find_module(const std::string& name) const;

 private:
  friend Result<std::unique_ptr<Analysis>> analyse(AnalysisOptions options);
  Status load();
  void add_start_roots(std::vector<Node>& roots) const;
  void add_opened_roots(uint32_t module, std::vector<Node>& roots) const;
  bool open_more();
  std::vector<std::string> name_service_libraries(const Closure& closure) const;
  bool is_system_library(uint32_t module) const;
  std::vector<Node> entries_below(Node node) const;
  bool can_open(const Closure& closure) const;
  const Closure& phase_closure(bool serving) const { return serving ? *serving_ : *closure_; }

  AnalysisOptions options_;
  Program program_;
  std::unique_ptr<Closure> closure_, serving_;
  bool serving_shown_ = false;
  std::set<std::string> tried_;
};

Result<std::unique_ptr<Analysis>> analyse(AnalysisOptions options);

}  // namespace libguard
