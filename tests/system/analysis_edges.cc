// SPDX-License-Identifier: Apache-2.0
// Compares stacks of a real run with the graph of a static analysis.
//
// Usage: analysis_edges PROGRAM PAIRS [LIBRARY…]. PAIRS: lines "callee-path callee-address caller-path caller-address",
// hexadecimal offsets, each caller address being a return address. Prints one JSON object: how many pairs are direct
// calls, tail calls, calls through pointers, or not explained; and functions that ran but cannot according to the
// graph.
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "core/analysis/analysis.h"

namespace libguard {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kLongestCall = 8;  // bytes of a call instruction

class Oracle {
 public:
  explicit Oracle(const Analysis& analysis)
      : program_(analysis.program()),
        closure_(analysis.closure()),
        coarse_(program_, {Level::kTaken, true, nullptr, nullptr, nullptr}) {
    for (uint32_t i = 0; i < program_.modules().size(); i++) by_path_[program_.modules()[i].path] = i;
    coarse_.run({});
    for (Node root : analysis.roots()) taken_.insert(root);  // looked up by name, then called through a pointer
    jumped_from_.resize(program_.node_count());
    for (Node node = 0; node < program_.node_count(); node++) {
      for_each_edge(node, [&](uint64_t, Node target, bool tail) {
        if (tail) jumped_from_[target].push_back(node);
      });
      for (Node target : references(node)) taken_.insert(target);
    }
  }
  // "direct", "tail", "pointer", "" (not explained), or "elsewhere" (not in a file of the program).
  std::string explain(Node callee, Node caller, uint64_t return_address);
  Node node_of(const std::string& path, uint64_t offset) const;
  std::string name(Node node) const {
    return program_.modules()[program_.module_of(node)].path + " " + program_.name_of(node);
  }
  bool reachable(Node node) const { return closure_.reached(node); }

 private:
  template <class Visit>
  void for_each_edge(Node node, Visit visit) const {
    uint32_t module = program_.module_of(node);
    const Summary& s = program_.summary(module);
    for (uint32_t i = program_.function(node).edges; i < program_.next_function(node).edges; i++) {
      uint32_t reference = s.edges[i].target;
      uint64_t site = program_.function(node).begin + s.edges[i].site;
      Node target = program_.resolve(module, reference);
      if (target != kNoNode) visit(site, target, (reference & kTailBit) != 0);
      // The loader calls its own copies until it has relocated itself.
      bool own = module == program_.loader() && (reference & kSymbolBit) && s.symbols[reference & kIndexMask].defined;
      Node copy = own ? program_.node_at(module, s.symbols[reference & kIndexMask].value) : kNoNode;
      if (copy != kNoNode) visit(site, copy, (reference & kTailBit) != 0);
    }
  }
  std::vector<Node> references(Node node) const {
    std::vector<Node> nodes;
    uint32_t module = program_.module_of(node);
    const Summary& s = program_.summary(module);
    for (uint32_t i = program_.function(node).code_references; i < program_.next_function(node).code_references; i++)
      if (Node target = program_.resolve(module, s.code_references[i]); target != kNoNode) nodes.push_back(target);
    return nodes;
  }
  bool has_pointer_call(Node node, uint64_t before) const {
    const Summary& s = program_.summary(program_.module_of(node));
    for (uint32_t i = program_.function(node).indirect_sites; i < program_.next_function(node).indirect_sites; i++) {
      uint64_t site = program_.function(node).begin + s.indirect_sites[i];
      if (before == 0 || (site < before && site + kLongestCall >= before)) return true;
    }
    return false;
  }
  // Taken, a resolver's answer, or jumped to from such a function.
  bool can_be_pointed_at(Node node) const {
    std::set<Node> seen = {node};
    std::vector<Node> work = {node};
    while (!work.empty()) {
      Node next = work.back();
      work.pop_back();
      if (coarse_.taken(next) || taken_.count(next)) return true;
      for (Node from : jumped_from_[next])
        if (seen.insert(from).second) work.push_back(from);
    }
    return false;
  }

  const Program& program_;
  const Closure& closure_;
  Closure coarse_;
  std::map<std::string, uint32_t> by_path_;
  std::vector<std::vector<Node>> jumped_from_;
  std::set<Node> taken_;
};

Node Oracle::node_of(const std::string& path, uint64_t offset) const {
  auto found = by_path_.find(path);
  if (found == by_path_.end()) return kNoNode;
  const Summary& s = program_.summary(found->second);
  return program_.node_at(found->second, s.position_independent ? offset : offset + s.lowest);
}

std::string Oracle::explain(Node callee, Node caller, uint64_t return_address) {
  const Summary& s = program_.summary(program_.module_of(caller));
  if (!s.position_independent) return_address += s.lowest;
  std::set<Node> seen;
  std::vector<Node> work;
  for_each_edge(caller, [&](uint64_t site, Node target, bool tail) {
    if (!tail && site < return_address && site + kLongestCall >= return_address && seen.insert(target).second)
      work.push_back(target);
  });
  if (seen.count(callee)) return "direct";
  bool pointer = has_pointer_call(caller, return_address);
  while (!work.empty()) {
    Node next = work.back();
    work.pop_back();
    auto add = [&](Node target) {
      if (seen.insert(target).second) work.push_back(target);
    };
    for_each_edge(next, [&](uint64_t, Node target, bool tail) {
      if (tail) add(target);
    });
    if (program_.is_resolver(next))
      for (Node target : references(next)) add(target);
    pointer |= has_pointer_call(next, 0);  // may be a jump through a pointer
  }
  if (seen.count(callee)) return "tail";
  return pointer && can_be_pointed_at(callee) ? "pointer" : "";
}

int run(int argc, char** argv) {
  if (argc < 3) return 2;
  AnalysisOptions options;
  options.program = argv[1];
  for (int i = 3; i < argc; i++) options.with.push_back(argv[i]);
  auto analysis = analyse(options);
  if (!analysis) {
    std::fprintf(stderr, "%s\n", analysis.error().what.c_str());
    return 2;
  }
  Oracle oracle(**analysis);
  std::map<std::string, size_t> counts;
  std::set<std::string> unexplained, unreachable;
  std::set<Node> functions;
  std::ifstream file(argv[2]);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string callee_path, caller_path;
    uint64_t callee_address = 0, caller_address = 0;
    words >> callee_path >> std::hex >> callee_address >> caller_path >> caller_address;
    Node callee = oracle.node_of(callee_path, callee_address - 1),
         caller = oracle.node_of(caller_path, caller_address - 1);
    if (callee == kNoNode || caller == kNoNode) {
      counts["elsewhere"]++;
      continue;
    }
    functions.insert({callee, caller});
    std::string how = oracle.explain(callee, caller, caller_address);
    counts["pairs"]++;
    counts[how.empty() ? "unexplained" : how]++;
    char place[64];
    std::snprintf(place, sizeof place, " at 0x%llx", static_cast<unsigned long long>(caller_address));
    if (how.empty()) unexplained.insert(oracle.name(callee) + " <- " + oracle.name(caller) + place);
  }
  for (Node node : functions)
    if (!oracle.reachable(node)) unreachable.insert(oracle.name(node));
  Json answer = {
      {"counts", counts}, {"functions", functions.size()}, {"unexplained", unexplained}, {"unreachable", unreachable}};
  std::printf("%s\n", answer.dump(1).c_str());
  return 0;
}

}  // namespace
}  // namespace libguard

int main(int argc, char** argv) { return libguard::run(argc, argv); }
