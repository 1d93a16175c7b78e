// SPDX-License-Identifier: Apache-2.0
// A work list over functions; data objects are followed in between.
//
// Way:     see closure.h.
// Thread:  see closure.h.
// Failure: see closure.h.
#include "core/analysis/closure.h"

#include <elf.h>

#include <algorithm>

namespace libguard {
namespace {

constexpr uint64_t kBeforeObject = 16;  // C++ points 16 bytes into its tables of virtual functions

}  // namespace

Closure::Closure(const Program& program, ClosureOptions options) : program_(program), options_(options) { grow(); }

void Closure::grow() {
  const size_t nodes = program_.node_count();
  reached_.resize(nodes, 0);
  taken_.resize(nodes, 0);
  how_.resize(nodes, How::kRoot);
  parent_.resize(nodes, kNoNode);
  for (size_t module = data_.size(); module < program_.modules().size(); module++) {
    const Summary& s = program_.summary(static_cast<uint32_t>(module));
    data_.emplace_back();
    data_.back().pointer_seen.resize(s.pointers.size(), 0);
    data_.back().object_seen.resize(s.bounds.size(), 0);
  }
}

void Closure::clear() {
  for (Node node : work_) reached_[node] = 0, parent_[node] = kNoNode, how_[node] = How::kRoot;
  for (Node node : all_taken_) taken_[node] = 0, parent_[node] = kNoNode;
  if (options_.behind_taken != nullptr)  // marked as a whole
    for (Node node : *options_.also_taken) taken_[node] = reached_[node] = 0;
  for (Data& data : data_) {
    for (uint32_t pointer : data.pointers) data.pointer_seen[pointer] = 0;
    for (uint32_t object : data.objects) data.object_seen[object] = 0;
    data.pointers.clear();
    data.objects.clear();
  }
  for (auto* nodes : {&work_, &waiting_, &all_taken_, &unresolved_, &wrappers_by_pointer_}) nodes->clear();
  partly_.clear();
  names_.clear();
  calls_.reset();
  count_ = next_work_ = 0;
  pointer_calls_ = memo_unresolved_ = false;
}

void Closure::enter(Node node, Node parent, How how) {
  if (node == kNoNode || reached_[node]) return;
  reached_[node] = 1;
  parent_[node] = parent;
  how_[node] = how;
  work_.push_back(node);
}

void Closure::take(Node node, Node parent) {
  if (node == kNoNode || taken_[node]) return;
  taken_[node] = 1;
  all_taken_.push_back(node);
  if (program_.function(node).wrapper_parameters != 0) wrappers_by_pointer_.push_back(node);
  if (pointer_calls_) return enter(node, parent, How::kPointer);
  parent_[node] = reached_[node] ? parent_[node] : parent;
  waiting_.push_back(node);
}

void Closure::take_everything() {
  for (uint32_t module = 0; module < program_.modules().size(); module++) {
    const Summary& s = program_.summary(module);
    for (const SummaryPointer& pointer : s.pointers) {
      auto place = program_.resolve_data(module, pointer.symbol, pointer.address);
      if (place) take(program_.node_at(place->module, place->address), kNoNode);
    }
    if (options_.level == Level::kTaken)
      for (uint32_t reference : s.code_references) take(program_.resolve(module, reference), kNoNode);
  }
}

// Whoever opened a library may look up its data by name too (tables of modules).
void Closure::take_exported_data() {
  for (uint32_t module = 0; module < program_.modules().size(); module++) {
    if (!program_.modules()[module].asked_for || !program_.modules()[module].opened) continue;
    for (const SummarySymbol& symbol : program_.summary(module).symbols)
      if (symbol.defined && symbol.bind != STB_LOCAL && symbol.type == STT_OBJECT)
        refer({module, symbol.value}, static_cast<uint32_t>(std::max<uint64_t>(symbol.size, 8)), kNoNode);
  }
}

void Closure::run(const std::vector<Node>& roots) {
  grow();
  if (options_.also_taken != nullptr && options_.behind_taken == nullptr)
    for (Node node : *options_.also_taken) take(node, kNoNode);
  if (options_.level != Level::kObjects) take_everything();
  if (options_.level == Level::kObjects && options_.opened_data) take_exported_data();
  for (uint32_t module = 0; module < program_.modules().size(); module++)
    for (uint32_t reference : program_.summary(module).personalities)
      take(program_.resolve(module, reference), kNoNode);
  for (Node root : roots) enter(root, kNoNode, How::kRoot);
  if (options_.also_referred != nullptr)
    for (DataPlace place : *options_.also_referred) refer(place, 0, kNoNode);
  if (options_.parts != nullptr)
    for (const LivePart& part : *options_.parts) visit_part(part);
  while (next_work_ < work_.size()) {  // first come, first served: short witnesses
    Node node = work_[next_work_++];
    const ClosureMemo::Entry* known = options_.memo == nullptr ? nullptr : options_.memo->find(node);
    if (known != nullptr)
      visit_memo(*known, node);
    else
      visit(node);
  }
}

void Closure::allow_pointer_calls() {
  if (pointer_calls_ || !options_.follow_pointers) return;
  pointer_calls_ = true;
  if (options_.behind_taken != nullptr) {  // known already: nothing of it is followed again
    calls_ |= options_.behind_taken->calls;
    memo_unresolved_ |= options_.behind_taken->unresolved;
    for (Node node : *options_.also_taken) taken_[node] = reached_[node] = 1;
    for (Node waiting : options_.behind_taken->waiting) take(waiting, kNoNode);
  }
  for (Node waiting : waiting_) enter(waiting, parent_[waiting], How::kPointer);
  waiting_.clear();
}

void Closure::visit_memo(const ClosureMemo::Entry& entry, Node node) {
  calls_ |= entry.calls;
  memo_unresolved_ |= entry.unresolved;
  if (entry.pointer_calls) allow_pointer_calls();
  for (Node waiting : entry.waiting) take(waiting, node);
}

void Closure::visit(Node node) {
  uint32_t module = program_.module_of(node);
  const Summary& s = program_.summary(module);
  const SummaryFunction &row = program_.function(node), &next = program_.next_function(node);
  count_++;
  for (uint32_t i = row.calls; i < next.calls; i++) calls_.set(s.calls[i]);
  if (next.unresolved != row.unresolved) unresolved_.push_back(node);
  for (uint32_t i = row.edges; i < next.edges; i++) {
    uint32_t target = s.edges[i].target;
    enter(program_.resolve(module, target), node, How::kCall);
    // The loader calls its own copies until it has relocated itself.
    bool own = module == program_.loader() && (target & kSymbolBit);
    if (own && s.symbols[target & kIndexMask].defined)
      enter(program_.node_at(module, s.symbols[target & kIndexMask].value), node, How::kCall);
  }
  for (uint32_t i = row.code_references; i < next.code_references; i++) refer_code(s.code_references[i], node);
  for (uint32_t i = row.data_references; i < next.data_references; i++) {
    const SummaryData& data = s.data_references[i];
    auto place = program_.resolve_data(module, data.symbol, data.address);
    if (place) refer(*place, data.length, node);
  }
  if (row.flags & SummaryFunction::kIndirectCall) allow_pointer_calls();
}

void Closure::refer_code(uint32_t reference, Node node) {
  Node target = program_.resolve(program_.module_of(node), reference);
  if (target == kNoNode) return;
  // What a resolver names is what it answers; what a signal returns to is called by the kernel.
  if (program_.is_resolver(node)) return enter(target, node, How::kCall);
  if (program_.function(target).flags & SummaryFunction::kReturnsFromSignal) enter(target, node, How::kPointer);
  take(target, node);
}

// The function itself counts as not reached: what lies before the place where it waits does not run again.
void Closure::visit_part(const LivePart& part) {
  uint32_t module = program_.module_of(part.node);
  partly_.insert(part.node);
  const Summary& s = program_.summary(module);
  const SummaryFunction &row = program_.function(part.node), &next = program_.next_function(part.node);
  for (uint32_t i = row.calls; part.makes_calls && i < next.calls; i++) calls_.set(s.calls[i]);
  if (part.makes_calls && next.unresolved != row.unresolved) unresolved_.push_back(part.node);
  for (uint32_t edge : part.edges) enter(program_.resolve(module, edge), part.node, How::kCall);
  for (uint32_t reference : part.code_references) refer_code(reference, part.node);
  for (const SummaryData& data : part.data_references)
    if (auto place = program_.resolve_data(module, data.symbol, data.address)) refer(*place, data.length, part.node);
  if (part.pointer_calls) allow_pointer_calls();
}

void Closure::note_name(DataPlace place) {
  const Summary& s = program_.summary(place.module);
  auto found = std::lower_bound(s.names.begin(), s.names.end(), place.address,
                                [](const SummaryName& name, uint64_t a) { return name.address < a; });
  if (found == s.names.end() || found->address != place.address) return;
  std::pair<uint32_t, std::string> name(place.module, s.name_at(found->text));
  if (std::find(names_.begin(), names_.end(), name) == names_.end()) names_.push_back(std::move(name));
}

void Closure::refer(DataPlace place, uint32_t length, Node parent) {
  if (options_.level != Level::kObjects) return note_name(place);
  data_work_.push_back({place, length});
  while (!data_work_.empty()) {
    PendingData next = data_work_.back();
    data_work_.pop_back();
    refer_once(next.place, next.length, parent);
  }
}

// An object reaches to the next address that anybody refers to.
void Closure::refer_once(DataPlace place, uint32_t length, Node parent) {
  if (length == 0 && !is_new(place)) return;
  note_name(place);
  for (const Program::Copy& copy : program_.copies())
    if (copy.module == place.module && place.address + std::max<uint32_t>(length, 1) > copy.begin &&
        place.address < copy.end)
      follow_pointers(copy.from, copy.from_address, copy.from_address + (copy.end - copy.begin), parent);
  const Summary& s = program_.summary(place.module);
  uint64_t begin = place.address, end = place.address + length;
  if (length == 0) {
    auto bound = std::upper_bound(s.bounds.begin(), s.bounds.end(), place.address);
    begin = place.address - std::min(kBeforeObject, place.address);
    end = bound == s.bounds.end() ? place.address + 8 : *bound;
  }
  follow_pointers(place.module, begin, end, parent);
}

// Many functions refer to the same objects: each is looked at once.
bool Closure::is_new(DataPlace place) {
  const std::vector<uint64_t>& bounds = program_.summary(place.module).bounds;
  auto bound = std::lower_bound(bounds.begin(), bounds.end(), place.address);
  if (bound == bounds.end() || *bound != place.address) return true;
  Data& data = data_[place.module];
  const auto object = static_cast<uint32_t>(bound - bounds.begin());
  if (data.object_seen[object]) return false;
  data.object_seen[object] = 1;
  data.objects.push_back(object);
  return true;
}

void Closure::follow_pointers(uint32_t module, uint64_t begin, uint64_t end, Node parent) {
  const std::vector<SummaryPointer>& pointers = program_.summary(module).pointers;
  auto pointer = std::lower_bound(pointers.begin(), pointers.end(), begin,
                                  [](const SummaryPointer& p, uint64_t slot) { return p.slot < slot; });
  for (; pointer != pointers.end() && pointer->slot < end; ++pointer) {
    const auto index = static_cast<uint32_t>(pointer - pointers.begin());
    Data& data = data_[module];
    if (data.pointer_seen[index]) continue;
    data.pointer_seen[index] = 1;
    data.pointers.push_back(index);
    follow_pointer(module, *pointer, parent);
  }
}

void Closure::follow_pointer(uint32_t module, const SummaryPointer& pointer, Node parent) {
  if (pointer.function != kNoIndex) return take(program_.modules()[module].base + pointer.function, parent);
  auto place = program_.resolve_data(module, pointer.symbol, pointer.address);
  if (!place) return;
  Node node = pointer.symbol == 0 ? kNoNode : program_.node_at(place->module, place->address);
  if (node != kNoNode) return take(node, parent);
  data_work_.push_back({*place, 0});
}

std::vector<std::pair<Node, Closure::How>> Closure::path_to(Node node) const {
  std::vector<std::pair<Node, How>> path;
  for (; node != kNoNode && path.size() <= parent_.size(); node = parent_[node]) path.push_back({node, how_[node]});
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace libguard
