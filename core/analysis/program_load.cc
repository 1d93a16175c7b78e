// SPDX-License-Identifier: Apache-2.0
// Finds, reads and summarises the files of a process.
//
// Way:     see program.h.
// Thread:  summaries are made by several threads; everything else by one.
// Failure: see program.h.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>

#include "core/analysis/elf_image.h"
#include "core/analysis/program.h"

namespace libguard {
namespace {

constexpr size_t kMostModules = 4096;
constexpr uint8_t kFirstArgument = 7;  // rdi

std::string host_path(const std::string& root, const std::string& path) { return root == "/" ? path : root + path; }

// What this file exports and whose callers say the number of a system call.
std::vector<WrapperQuestion> wrappers_of(const Summary& s) {
  std::map<uint64_t, uint32_t> parameters;  // by address
  for (const SummaryFunction& function : s.functions)
    if (function.wrapper_parameters != 0) parameters[function.begin] = function.wrapper_parameters;
  std::vector<WrapperQuestion> wrappers;
  for (const SummarySymbol& symbol : s.symbols) {
    if (parameters.empty()) break;
    auto found = symbol.defined && symbol.bind != 0 ? parameters.find(symbol.value) : parameters.end();
    for (uint8_t reg = 0; found != parameters.end() && reg < 32; reg++)
      if (found->second >> reg & 1) wrappers.push_back({std::string(s.name_at(symbol.name)), reg});
  }
  return wrappers;
}

bool is_mapped_entry(const ElfImage& image) { return image.entry != 0 && image.is_code(image.entry); }

}  // namespace

// A file whose tables are read and whose summary is not made yet.
struct Program::Pending {
  uint32_t module = 0;
  ElfImage image;
  std::string key;
  std::vector<WrapperQuestion> questions;
  std::shared_ptr<const Summary> summary;
};

Program::Program(LoadSettings settings) : settings_(std::move(settings)), tree_(settings_.root) {}
Program::~Program() = default;

// Reads the file as far as its needed libraries are known: from the cache, or from its tables.
Result<uint32_t> Program::add(const std::string& path) {
  auto known = by_path_.find(path);
  if (known != by_path_.end()) return known->second;
  if (modules_.size() >= kMostModules)
    return fail(Code::kLimit, path + ": too many libraries", "is it the right file?");
  auto image = ElfImage::open_head(host_path(settings_.root, path), path);
  if (!image) return tl::unexpected(image.error());
  bytes_read += image->file().size();
  Module module;
  module.path = path;
  uint32_t index = static_cast<uint32_t>(modules_.size());
  std::string key = settings_.cache == nullptr ? "" : SummaryCache::key_of(*image);
  if (settings_.cache != nullptr) module.summary = settings_.cache->load(key);
  if (!module.summary) {
    Status read = image->read_tables();
    if (!read) return tl::unexpected(read.error());
    Summary head;  // until the real one is made
    head.soname = image->soname;
    head.interpreter = image->interpreter;
    head.needed = image->needed;
    head.rpath = image->rpath;
    head.runpath = image->runpath;
    head.entry = is_mapped_entry(*image) ? image->entry : 0;
    head.dynamic = image->dynamic;
    module.summary = std::make_shared<const Summary>(std::move(head));
    auto pending =
        std::make_unique<Pending>(Pending{index, std::move(*image), key, {{"syscall", kFirstArgument}}, nullptr});
    pending_.push_back(std::move(pending));
  }
  by_path_[path] = index;
  std::string_view name =
      module.summary->soname.empty() ? libguard::name_of(path) : std::string_view(module.summary->soname);
  by_name_.emplace(std::string(name), index);
  modules_.push_back(std::move(module));
  changed_ = true;
  return index;
}

LibrarySearch::Importer Program::importer_of(uint32_t module) const {
  return {modules_[module].path, modules_[module].summary->runpath, modules_[module].rpaths};
}

// Breadth first, as the loader does it.
Status Program::load_tree(uint32_t root, std::vector<uint32_t>& order) {
  order = {root};
  std::set<uint32_t> seen = {root};
  for (size_t next = 0; next < order.size(); next++) {
    uint32_t importer = order[next];
    const Summary& from = summary(importer);
    if (!from.rpath.empty())
      modules_[importer].rpaths.insert(modules_[importer].rpaths.begin(), {modules_[importer].path, from.rpath});
    for (const std::string& name : std::vector<std::string>(from.needed)) {
      auto loaded = by_name_.find(name);
      uint32_t needed = loaded == by_name_.end() ? kNoModule : loaded->second;
      if (needed == kNoModule) {
        auto path = search_->find(name, importer_of(importer));
        if (!path) {
          missing.push_back(name + " (needed by " + modules_[importer].path + ")");
          continue;
        }
        auto added = add(*path);
        if (!added) return tl::unexpected(added.error());
        needed = *added;
        by_name_.emplace(name, needed);
        if (modules_[needed].rpaths.empty()) modules_[needed].rpaths = modules_[importer].rpaths;
      }
      if (seen.insert(needed).second) order.push_back(needed);
    }
  }
  return {};
}

Status Program::load_main(const std::string& path) {
  RealPath real = tree_.real_path(path);
  if (real.facts.is_directory())
    return fail(Code::kInvalid, path + " is a directory", "of an unpacked image? libguard analyze --image " + path);
  if (!real.facts.is_file()) return fail(Code::kNotFound, "cannot find " + path, "check the path for a typing error");
  auto main = add(real.path);
  if (!main) return tl::unexpected(main.error());
  const std::string interpreter = summary(*main).interpreter;
  search_ = std::make_unique<LibrarySearch>(tree_, interpreter);
  Status done = load_tree(*main, global_scope_);
  if (!done) return done;
  if (!interpreter.empty()) {
    RealPath loader = tree_.real_path(interpreter);
    auto added = loader.facts.is_file() ? add(loader.path) : Result<uint32_t>(kNoModule);
    if (!added) return tl::unexpected(added.error());
    loader_ = *added;
    if (loader_ == kNoModule) missing.push_back(interpreter + " (the loader of " + real.path + ")");
    bool listed = std::find(global_scope_.begin(), global_scope_.end(), loader_) != global_scope_.end();
    if (loader_ != kNoModule && !listed) global_scope_.push_back(loader_);
  }
  return summarise_pending();
}

Status Program::open_library(const std::string& name, uint32_t importer) {
  auto loaded = by_name_.find(name);
  uint32_t index = loaded == by_name_.end() ? kNoModule : loaded->second;
  if (index == kNoModule) {
    auto path = search_->find(name, importer_of(importer));
    if (!path) return fail(Code::kNotFound, "cannot find the library " + name, "give its path");
    auto added = add(*path);
    if (!added) return tl::unexpected(added.error());
    index = *added;
    by_name_.emplace(name, index);
  }
  modules_[index].asked_for = true;
  if (std::find(global_scope_.begin(), global_scope_.end(), index) != global_scope_.end()) return {};
  std::vector<uint32_t> order;
  Status done = load_tree(index, order);
  if (!done) return done;
  for (uint32_t module : order) {
    bool global = std::find(global_scope_.begin(), global_scope_.end(), module) != global_scope_.end();
    if (global) continue;
    modules_[module].opened = true;
    if (modules_[module].local_scope.empty()) modules_[module].local_scope = order;
  }
  return summarise_pending();
}

Status Program::summarise_pending() {
  std::sort(pending_.begin(), pending_.end(), [](const auto& a, const auto& b) {
    return a->image.file().size() > b->image.file().size();  // the longest work first
  });
  std::atomic<size_t> next{0};
  size_t done = 0;
  std::mutex telling;
  auto work = [&] {
    for (size_t i = next++; i < pending_.size(); i = next++) {
      Pending& task = *pending_[i];
      task.summary = std::make_shared<const Summary>(summarise(task.image, task.questions));
      if (settings_.cache != nullptr) settings_.cache->store(task.key, task.summary);
      std::lock_guard lock(telling);
      done++;
      if (settings_.progress) settings_.progress({done, pending_.size(), task.image.name});
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::min<size_t>(settings_.threads, pending_.size()); i++) {
    try {
      threads.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // one thread does it alone
    }
  }
  work();
  for (std::thread& thread : threads) thread.join();
  changed_ = changed_ || !pending_.empty();
  for (auto& task : pending_) {
    if (task->module < linked_) linked_ = 0;  // what is linked knows the old summary
    modules_[task->module].summary = task->summary;
  }
  pending_.clear();
  return ask_wrappers();
}

// A file may export a wrapper ("call number in this argument"): those who import it answer with which numbers.
Status Program::ask_wrappers() {
  if (!changed_) return {};
  changed_ = false;
  std::multimap<std::string, uint8_t, std::less<>> wrappers;
  for (const Module& module : modules_)
    for (const WrapperQuestion& wrapper : wrappers_of(*module.summary)) wrappers.emplace(wrapper.symbol, wrapper.reg);
  for (uint32_t index = 0; index < modules_.size(); index++) {
    const Summary& s = summary(index);
    std::set<WrapperQuestion> questions(s.questions.begin(), s.questions.end());
    size_t before = questions.size();
    for (const SummarySymbol& symbol : s.symbols) {
      if (symbol.defined) continue;
      auto [first, last] = wrappers.equal_range(s.name_at(symbol.name));
      for (; first != last; ++first) questions.insert({first->first, first->second});
    }
    if (questions.size() == before) continue;  // questions only grow: this ends
    auto image = ElfImage::open(host_path(settings_.root, modules_[index].path), modules_[index].path);
    if (!image) return tl::unexpected(image.error());
    std::string key = settings_.cache == nullptr ? "" : SummaryCache::key_of(*image);
    std::vector<WrapperQuestion> list(questions.begin(), questions.end());
    pending_.push_back(std::make_unique<Pending>(Pending{index, std::move(*image), key, list, nullptr}));
  }
  return pending_.empty() ? Status{} : summarise_pending();
}

}  // namespace libguard
