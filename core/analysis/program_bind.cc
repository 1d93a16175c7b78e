// SPDX-License-Identifier: Apache-2.0
// Binds symbols as the loader would: scopes, versions, interposition, copies; numbers the functions.
//
// Way:     see program.h.
// Thread:  see program.h.
// Failure: a symbol that nobody defines binds to nothing.
#include <elf.h>

#include <algorithm>
#include <cstdio>

#include "core/analysis/program.h"

namespace libguard {
namespace {

constexpr Node kNotAsked = UINT32_MAX - 1;

bool is_bindable(const SummarySymbol& symbol) {
  return symbol.defined && symbol.bind != STB_LOCAL && (symbol.type <= STT_FUNC || symbol.type == STT_GNU_IFUNC);
}

}  // namespace

// Opened files come last in every scope, so what is bound stays bound; only new ones have to be looked at.
bool Program::link() {
  const uint32_t first_new = linked_;
  const bool anew = first_new == 0;
  if (anew) {
    owner_.clear();
    definitions_.clear();
    symbol_nodes_.clear();
    unbound_.clear();
    resolver_.clear();
  }
  linked_ = static_cast<uint32_t>(modules_.size());
  in_global_.assign(modules_.size(), 0);
  for (uint32_t module : global_scope_) in_global_[module] = 1;
  std::vector<uint32_t> order;
  for (uint32_t module : global_scope_)
    if (module >= first_new) order.push_back(module);
  for (uint32_t module = first_new; module < modules_.size(); module++)
    if (!in_global_[module]) order.push_back(module);
  size_t symbols = definitions_.size();
  for (uint32_t module : order) symbols += summary(module).symbols.size();
  definitions_.reserve(symbols);
  for (uint32_t module = first_new; module < modules_.size(); module++) {
    modules_[module].base = static_cast<Node>(owner_.size());
    owner_.insert(owner_.end(), summary(module).function_count(), module);
    symbol_nodes_.emplace_back(summary(module).symbols.size(), kNotAsked);
  }
  for (uint32_t module : order) {
    const Summary& s = summary(module);
    for (uint32_t i = 1; i < s.symbols.size(); i++)
      if (is_bindable(s.symbols[i])) definitions_[s.name_at(s.symbols[i].name)].push_back({module, i});
  }
  resolver_.resize(owner_.size(), 0);
  for (const Module& module : modules_)
    for (uint32_t resolver : module.summary->resolvers) resolver_[module.base + resolver] = 1;
  find_copies();
  return !find_unbound(first_new) && !anew;
}

// True if something that was bound to nothing is found now.
bool Program::find_unbound(uint32_t first_new) {
  const size_t before = unbound_.size();
  std::erase_if(unbound_, [&](const Definition& d) {
    const bool found = bind(d.module, d.symbol).has_value();
    if (found) symbol_nodes_[d.module][d.symbol] = kNotAsked;
    return found;
  });
  const bool found_some = unbound_.size() != before;
  for (uint32_t module = first_new; module < modules_.size(); module++) {
    if (in_global_[module]) continue;
    const Summary& s = summary(module);
    for (uint32_t i = 1; i < s.symbols.size(); i++)
      if (!s.symbols[i].defined && !bind(module, i)) unbound_.push_back({module, i});
  }
  return found_some;
}

const SummaryFunction& Program::function(Node node) const {
  const Module& module = modules_[owner_[node]];
  return module.summary->functions[node - module.base];
}

const SummaryFunction& Program::next_function(Node node) const {
  const Module& module = modules_[owner_[node]];
  return module.summary->functions[node - module.base + 1];
}

Node Program::node_at(uint32_t module, uint64_t address) const {
  uint32_t function = summary(module).find_function(address);
  return function == kNoIndex ? kNoNode : modules_[module].base + function;
}

// Global scope first, then the scope that dlopen made, then (for opened ones) anybody: dlopen may have been global.
std::optional<Program::Definition> Program::bind_in(uint32_t module, uint32_t index) const {
  const Summary& s = summary(module);
  const SummarySymbol& wanted = s.symbols[index];
  auto candidates = definitions_.find(s.name_at(wanted.name));
  if (candidates == definitions_.end()) return std::nullopt;
  std::string_view version = s.name_at(wanted.version);
  const std::vector<uint32_t>& local = modules_[module].local_scope;
  auto pick = [&](auto in_scope) -> std::optional<Definition> {
    std::optional<Definition> fallback;
    for (const Definition& candidate : candidates->second) {
      if (!in_scope(candidate.module)) continue;
      if (fallback && fallback->module != candidate.module) return fallback;
      const Summary& other = summary(candidate.module);
      const SummarySymbol& symbol = other.symbols[candidate.symbol];
      if (!version.empty()) {
        if (other.name_at(symbol.version) == version || !other.has_versions) return candidate;
      } else if (!symbol.hidden) {
        return candidate;
      } else if (!fallback) {
        fallback = candidate;
      }
    }
    return fallback;
  };
  auto found = pick([&](uint32_t m) { return in_global_[m] != 0; });
  if (!found && !local.empty()) {
    found = pick([&](uint32_t m) { return std::find(local.begin(), local.end(), m) != local.end(); });
    if (!found) found = pick([](uint32_t) { return true; });
  }
  return found;
}

std::optional<Program::Definition> Program::bind(uint32_t module, uint32_t index) const {
  const SummarySymbol& symbol = summary(module).symbols[index];
  if (symbol.bind == STB_LOCAL) return Definition{module, index};
  auto found = bind_in(module, index);
  if (!found && symbol.defined) found = Definition{module, index};
  return found;
}

Node Program::resolve(uint32_t module, uint32_t reference) const {
  uint32_t index = reference & kIndexMask;
  if (!(reference & kSymbolBit)) return index == kNoIndex ? kNoNode : modules_[module].base + index;
  Node& node = symbol_nodes_[module][index];
  if (node == kNotAsked) {
    auto found = bind(module, index);
    node = found ? node_at(found->module, summary(found->module).symbols[found->symbol].value) : kNoNode;
  }
  return node;
}

std::optional<DataPlace> Program::resolve_data(uint32_t module, uint32_t symbol, uint64_t address) const {
  if (symbol == 0) return DataPlace{module, address};
  auto found = bind(module, symbol);
  if (!found) return std::nullopt;
  return DataPlace{found->module, summary(found->module).symbols[found->symbol].value + address};
}

void Program::find_copies() {
  copies_.clear();
  for (uint32_t module = 0; module < modules_.size(); module++) {
    const Summary& s = summary(module);
    for (const SummaryCopy& copy : s.copies) {
      auto candidates = definitions_.find(s.name_at(s.symbols[copy.symbol].name));
      if (candidates == definitions_.end()) continue;
      for (const Definition& from : candidates->second) {
        if (from.module == module) continue;
        uint64_t value = summary(from.module).symbols[from.symbol].value;
        copies_.push_back({module, copy.place, copy.place + copy.size, from.module, value});
        break;
      }
    }
  }
}

Node Program::exported(uint32_t module, std::string_view name) const {
  auto candidates = definitions_.find(name);
  if (candidates == definitions_.end()) return kNoNode;
  for (const Definition& candidate : candidates->second)
    if (candidate.module == module) return node_at(module, summary(module).symbols[candidate.symbol].value);
  return kNoNode;
}

std::vector<Node> Program::exports(uint32_t module) const {
  std::vector<Node> nodes;
  for (const SummarySymbol& symbol : summary(module).symbols) {
    bool function = symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC;
    Node node = symbol.defined && symbol.bind != STB_LOCAL && function ? node_at(module, symbol.value) : kNoNode;
    if (node != kNoNode) nodes.push_back(node);
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

std::string Program::name_of(Node node) const {
  const SummaryFunction& named = function(node);
  if (named.name != 0) return std::string(summary(owner_[node]).name_at(named.name));
  char text[32];
  std::snprintf(text, sizeof text, "sub_%llx", static_cast<unsigned long long>(named.begin));
  return text;
}

}  // namespace libguard
