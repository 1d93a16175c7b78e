// SPDX-License-Identifier: Apache-2.0
// Who makes which call: rows per file, sets per exported function.
//
// Way:     closure -> *matrix* -> starting profile of native libraries.
// Thread:  see analysis.h.
// Failure: none.
//
// A stack shows the file right above the C library. A tail call hides a file from it: if a jumps into b and b jumps
// into libc, the stack shows the caller of a; so a file answers for what it reaches through tail calls.
#include <algorithm>

#include "core/analysis/analysis.h"

namespace libguard {
namespace {

constexpr int kReturnFromSignal = 15;  // any code can be interrupted by a signal

}  // namespace

// Functions of the C library that the stack shows right below this function: called, jumped to by what it calls, or
// handed out by it.
std::vector<Node> Analysis::entries_below(Node node) const {
  std::vector<Node> entries, work;
  std::set<Node> seen;
  uint32_t module = program_.module_of(node);
  auto add = [&](Node target) {
    if (target == kNoNode || !seen.insert(target).second) return;
    uint32_t owner = program_.module_of(target);
    if (is_system_library(owner))
      entries.push_back(target);
    else if (owner != module)
      work.push_back(target);
  };
  auto follow = [&](Node from, bool tails_only) {
    const Summary& s = program_.summary(program_.module_of(from));
    const SummaryFunction &row = program_.function(from), &next = program_.next_function(from);
    for (uint32_t i = row.edges; i < next.edges; i++)
      if (!tails_only || (s.edges[i].target & kTailBit))
        add(program_.resolve(program_.module_of(from), s.edges[i].target));
    for (uint32_t i = row.code_references; i < next.code_references && !tails_only; i++) {
      Node target = program_.resolve(program_.module_of(from), s.code_references[i]);
      if (target != kNoNode && is_system_library(program_.module_of(target))) add(target);
    }
  };
  follow(node, false);
  while (!work.empty()) {
    Node next = work.back();
    work.pop_back();
    follow(next, true);
  }
  return entries;
}

std::vector<MatrixRow> Analysis::matrix() const {
  ClosureMemo memo;
  std::vector<MatrixRow> rows;
  Closure below(program_, {options_.level, false, nullptr, nullptr, &memo});
  auto calls_from = [&](Node entry) {
    if (const ClosureMemo::Entry* known = memo.find(entry)) return known->calls;
    below.clear();
    below.run({entry});
    memo.add(entry, below.entry());
    return below.calls();
  };
  for (uint32_t module = 0; module < program_.modules().size(); module++) {
    MatrixRow row;
    row.module = module;
    std::set<Node> entries;
    Node first = program_.modules()[module].base;
    for (Node node = first; node < first + program_.summary(module).function_count(); node++) {
      if (!closure().reached(node) && !closure().partly(node)) continue;
      row.reached++;
      const Summary& s = program_.summary(module);
      for (uint32_t i = program_.function(node).calls; i < program_.next_function(node).calls; i++)
        row.calls.set(s.calls[i]);
      if (is_system_library(module)) continue;
      for (Node entry : entries_below(node)) entries.insert(entry);
    }
    for (Node entry : entries) row.calls |= calls_from(entry);
    if (row.reached == 0) continue;
    row.calls &= closure().calls();
    row.calls.set(kReturnFromSignal, closure().calls().test(kReturnFromSignal));
    rows.push_back(row);
  }
  return rows;
}

std::vector<ExportRow> Analysis::exports(uint32_t module, const std::function<void(size_t, size_t)>& told) const {
  // Callbacks that the library itself hands out count for each of its functions; those of others do not. The C library
  // keeps none from one call to the next, except what it is told to run at exit.
  std::vector<Node> all = program_.exports(module), whole_roots = all, own;
  for (uint32_t reference : program_.summary(module).start) whole_roots.push_back(program_.resolve(module, reference));
  Closure whole(program_, {options_.level, false, nullptr, nullptr, nullptr});
  whole.run(whole_roots);
  for (Node node = 0; node < program_.node_count(); node++)
    if (whole.taken(node) && program_.module_of(node) == module && !is_system_library(module)) own.push_back(node);
  Closure behind(program_, {options_.level, false, &own, nullptr, nullptr});
  behind.run(own);
  ClosureMemo::Entry behind_own = behind.entry();
  ClosureMemo memo;
  Closure one(program_, {options_.level, false, &own, &behind_own, &memo});
  std::vector<ExportRow> rows;
  const Summary& s = program_.summary(module);
  for (Node node : all) {
    if (memo.find(node) == nullptr) {
      one.clear();
      one.run({node});
      memo.add(node, one.entry());
    }
    const ClosureMemo::Entry& entry = *memo.find(node);
    for (const SummarySymbol& symbol : s.symbols) {
      bool here = symbol.defined && symbol.bind != 0 && symbol.value == program_.function(node).begin;
      if (here) rows.push_back({std::string(s.name_at(symbol.name)), entry.calls, entry.unresolved});
    }
    if (told) told(rows.size(), all.size());
  }
  std::sort(rows.begin(), rows.end(), [](const ExportRow& a, const ExportRow& b) { return a.name < b.name; });
  rows.erase(
      std::unique(rows.begin(), rows.end(), [](const ExportRow& a, const ExportRow& b) { return a.name == b.name; }),
      rows.end());
  return rows;
}

}  // namespace libguard
