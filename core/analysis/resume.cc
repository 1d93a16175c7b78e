// SPDX-License-Identifier: Apache-2.0
// The resume set: what can still run in a process, starting from its stacks instead of from the program's entry.
//
// Way:     stacks, pointers -> *closure* -> whitelist of the serving phase.
// Thread:  see analysis.h.
// Failure: a place in a file that is not part of the program is named in `unknown`.
//
// A frame counts from its return address on. If its function never returns, the frames outside of it are dead. A
// function that a live frame can call again counts as a whole, even if it is called through a pointer.
#include <algorithm>

#include "core/analysis/analysis.h"
#include "core/analysis/frame_part.h"

namespace libguard {
namespace {

std::string host_path(const std::string& root, const std::string& path) { return root == "/" ? path : root + path; }

class Resumption {
 public:
  Resumption(const Program& program, const std::string& root, std::vector<std::string>* unknown)
      : program_(program), root_(root), unknown_(unknown) {
    for (uint32_t module = 0; module < program.modules().size(); module++)
      by_path_[program.modules()[module].path] = module;
  }
  void add_stack(const std::vector<std::pair<std::string, uint64_t>>& stack);
  std::vector<Node> nodes(const LiveState::Addresses& files);
  std::vector<DataPlace> places(const LiveState::Addresses& files);

  std::vector<LivePart> parts;
  std::vector<Node> called_again;

 private:
  struct Reader {
    explicit Reader(ElfImage from) : image(std::move(from)), parts(image) {}
    ElfImage image;
    FrameParts parts;
  };
  uint32_t module_of(const std::string& file);
  Reader* reader_of(uint32_t module);
  uint32_t reference(uint32_t module, const Reader& reader, const CodeTarget& target) const;
  LivePart live_part(uint32_t module, Node node, const Reader& reader, const FramePart& part, bool innermost) const;

  const Program& program_;
  const std::string& root_;
  std::vector<std::string>* unknown_;
  std::map<std::string, uint32_t> by_path_;
  std::map<uint32_t, std::unique_ptr<Reader>> readers_;
};

uint32_t Resumption::module_of(const std::string& file) {
  auto found = by_path_.find(file);
  if (found != by_path_.end()) return found->second;
  if (std::find(unknown_->begin(), unknown_->end(), file) == unknown_->end()) unknown_->push_back(file);
  return Program::kNoModule;
}

Resumption::Reader* Resumption::reader_of(uint32_t module) {
  auto [found, fresh] = readers_.try_emplace(module);
  if (fresh) {
    const std::string& path = program_.modules()[module].path;
    if (auto image = ElfImage::open(host_path(root_, path), path))
      found->second = std::make_unique<Reader>(std::move(*image));
  }
  return found->second.get();
}

// As in the file's summary.
uint32_t Resumption::reference(uint32_t module, const Reader& reader, const CodeTarget& target) const {
  CodeTarget to = target;
  if (to.symbol == 0 && reader.image.is_plt(to.address)) to = reader.parts.scan().stub_target(to.address).value_or(to);
  if (to.symbol != 0) return to.symbol | kSymbolBit;
  return program_.summary(module).find_function(to.address);
}

LivePart Resumption::live_part(uint32_t module, Node node, const Reader& reader, const FramePart& part,
                               bool innermost) const {
  LivePart live;
  live.node = node;
  live.makes_calls = innermost || !part.contribution.system_calls.empty();
  live.pointer_calls = !part.contribution.indirect_calls.empty();
  for (const CodeEdge& edge : part.contribution.edges) {
    uint32_t to = reference(module, reader, edge.target);
    if (to == kNoIndex) continue;
    live.edges.push_back(to);
    Node callee = program_.resolve(module, to);
    if (callee != kNoNode && program_.function(callee).wrapper_parameters != 0) live.makes_calls = true;
  }
  for (const CodeTarget& target : part.contribution.code_references)
    if (uint32_t to = reference(module, reader, target); to != kNoIndex) live.code_references.push_back(to);
  for (const DataReference& data : part.contribution.data_references)
    live.data_references.push_back({data.target.address, data.target.symbol, data.length});
  return live;
}

void Resumption::add_stack(const std::vector<std::pair<std::string, uint64_t>>& stack) {
  struct Frame {
    Node node;
    bool again;
  };
  std::vector<Frame> live;
  for (size_t i = 0; i < stack.size(); i++) {
    const auto& [file, address] = stack[i];
    uint32_t module = module_of(file);
    Reader* reader = module == Program::kNoModule ? nullptr : reader_of(module);
    Node node = reader == nullptr ? kNoNode : program_.node_at(module, i == 0 ? address : address - 1);
    if (node == kNoNode) {
      live.push_back({kNoNode, true});
      continue;
    }
    const FramePart& part = reader->parts.at(address);
    parts.push_back(live_part(module, node, *reader, part, i == 0));
    live.push_back({node, part.again || !part.found});
    if (i != 0 && part.found && !part.returns) break;  // the frames outside are dead
  }
  bool again = false;
  for (size_t i = live.size(); i-- > 1;) {
    again = again || live[i].again;
    if (again && live[i - 1].node != kNoNode) called_again.push_back(live[i - 1].node);
  }
}

std::vector<Node> Resumption::nodes(const LiveState::Addresses& files) {
  std::vector<Node> found;
  for (const auto& [file, addresses] : files) {
    uint32_t module = module_of(file);
    for (uint64_t address : addresses)
      if (Node node = module == Program::kNoModule ? kNoNode : program_.node_at(module, address); node != kNoNode)
        found.push_back(node);
  }
  return found;
}

std::vector<DataPlace> Resumption::places(const LiveState::Addresses& files) {
  std::vector<DataPlace> found;
  for (const auto& [file, addresses] : files)
    if (uint32_t module = module_of(file); module != Program::kNoModule)
      for (uint64_t address : addresses) found.push_back({module, address});
  return found;
}

}  // namespace

void Analysis::resume(const LiveState& live, LivePointers pointers, std::vector<std::string>* unknown) {
  Resumption resumption(program_, options_.root, unknown);
  for (const auto& stack : live.stacks) resumption.add_stack(stack);
  std::vector<Node> roots = resumption.nodes(live.functions);
  roots.insert(roots.end(), resumption.called_again.begin(), resumption.called_again.end());
  for (uint32_t module = 0; module < program_.modules().size(); module++)  // it can always end
    for (uint32_t reference : program_.summary(module).finish)
      if (Node node = program_.resolve(module, reference); node != kNoNode) roots.push_back(node);
  ClosureOptions options;
  options.level = options_.level;
  options.opened_data = false;
  options.parts = &resumption.parts;
  auto run = [&] {
    serving_ = std::make_unique<Closure>(program_, options);
    serving_->run(roots);
  };
  if (pointers == LivePointers::kSeen) {
    options.level = Level::kObjects;
    options.follow_pointers = false;
    return run();
  }
  // A word that looks like the address of a function that nobody takes the address of is something else.
  std::vector<Node> taken;
  for (Node node : resumption.nodes(live.pointers))
    if (program_.modules()[program_.module_of(node)].opened || closure_->taken(node)) taken.push_back(node);
  std::vector<DataPlace> data = resumption.places(live.data);
  options.also_taken = &taken;
  options.also_referred = &data;
  run();
  // What can still be opened may be asked for by name.
  std::set<std::string> services;
  for (const std::string& name : name_service_libraries(*serving_)) services.insert(name);
  const bool opens = can_open(*serving_);
  size_t before = roots.size();
  for (uint32_t module = 0; module < program_.modules().size(); module++) {
    const Module& opened = program_.modules()[module];
    if (opened.opened && opened.asked_for && (opens || services.count(program_.summary(module).soname) != 0))
      add_opened_roots(module, roots);
  }
  options.opened_data = opens;
  if (roots.size() != before) run();
  // Words that only look like pointers may lead to more.
  serving_->limit_to(closure_->calls());
}

}  // namespace libguard
