// SPDX-License-Identifier: Apache-2.0
// Where a process starts, what it opens while it runs, and what remains unknown.
//
// Way:     see analysis.h.
// Thread:  see analysis.h.
// Failure: see analysis.h.
#include "core/analysis/analysis.h"

#include <algorithm>
#include <map>

namespace libguard {
namespace {

constexpr int kMostRounds = 8;  // libraries that open libraries that open libraries
constexpr size_t kLargestConfiguration = 1u << 20;

// Who asks a database of nsswitch.conf.
const std::multimap<std::string_view, std::string_view> kNameServices = {
    {"passwd", "getpwnam"},        {"passwd", "getpwnam_r"},      {"passwd", "getpwuid"},
    {"passwd", "getpwuid_r"},      {"passwd", "getpwent"},        {"passwd", "getpwent_r"},
    {"group", "getgrnam"},         {"group", "getgrnam_r"},       {"group", "getgrgid"},
    {"group", "getgrgid_r"},       {"group", "getgrent"},         {"group", "initgroups"},
    {"group", "getgrouplist"},     {"shadow", "getspnam"},        {"shadow", "getspnam_r"},
    {"hosts", "getaddrinfo"},      {"hosts", "getnameinfo"},      {"hosts", "gethostbyname"},
    {"hosts", "gethostbyname_r"},  {"hosts", "gethostbyname2_r"}, {"hosts", "gethostbyaddr"},
    {"hosts", "gethostbyaddr_r"},  {"services", "getservbyname"}, {"services", "getservbyname_r"},
    {"services", "getservbyport"}, {"services", "getaddrinfo"},   {"protocols", "getprotobyname"},
    {"netgroup", "innetgr"}};

// Looked up by the loaders of glibc and musl, by name.
constexpr std::string_view kAskedByLoaders[] = {"__libc_early_init",
                                                "pthread_mutex_lock",
                                                "pthread_mutex_unlock",
                                                "malloc",
                                                "calloc",
                                                "realloc",
                                                "free",
                                                "__dls2b",
                                                "__dls3"};

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> starts) {
  return std::any_of(starts.begin(), starts.end(), [&](std::string_view start) { return text.starts_with(start); });
}

LoadSettings settings_of(const AnalysisOptions& options) {
  return {options.root, options.threads, options.cache.get(), options.progress};
}

}  // namespace

Analysis::Analysis(AnalysisOptions options) : options_(std::move(options)), program_(settings_of(options_)) {}

bool Analysis::is_system_library(uint32_t module) const {
  std::string_view name = program_.summary(module).soname;
  return starts_with_any(name, {"libc.so", "ld-linux", "libpthread.so", "libc.musl", "ld-musl"}) ||
         module == program_.loader();
}

void Analysis::add_start_roots(std::vector<Node>& roots) const {
  auto add = [&](Node node) {
    if (node != kNoNode) roots.push_back(node);
  };
  for (uint32_t module = 0; module < program_.modules().size(); module++) {
    for (std::string_view name : kAskedByLoaders) add(program_.exported(module, name));
    for (uint32_t reference : program_.summary(module).start) add(program_.resolve(module, reference));
    for (uint32_t reference : program_.summary(module).finish) add(program_.resolve(module, reference));
  }
  bool library = !program_.summary(0).soname.empty();
  if (library)
    for (Node node : program_.exports(0)) add(node);
  else
    add(program_.node_at(0, program_.summary(0).entry));
  if (options_.loader_start && program_.loader() != Program::kNoModule && !library)
    add(program_.node_at(program_.loader(), program_.summary(program_.loader()).entry));
}

// What dlsym is known to ask a module for; a library of no known kind may be asked for anything.
void Analysis::add_opened_roots(uint32_t module, std::vector<Node>& roots) const {
  const Summary& s = program_.summary(module);
  std::vector<Node> known;
  for (const SummarySymbol& symbol : s.symbols) {
    bool entry = symbol.defined && starts_with_any(s.name_at(symbol.name), {"PyInit_", "_nss_"});
    Node node = entry ? program_.node_at(module, symbol.value) : kNoNode;
    if (node != kNoNode) known.push_back(node);
  }
  if (known.empty()) known = program_.exports(module);
  roots.insert(roots.end(), known.begin(), known.end());
}

std::vector<Node> Analysis::roots() const {
  std::vector<Node> nodes;
  add_start_roots(nodes);
  for (uint32_t module = 0; module < program_.modules().size(); module++)
    if (program_.modules()[module].opened && program_.modules()[module].asked_for) add_opened_roots(module, nodes);
  return nodes;
}

std::vector<std::string> Analysis::name_service_libraries(const Closure& closure) const {
  std::set<std::string_view> databases;
  for (uint32_t module = 0; module < program_.modules().size(); module++) {
    if (!is_system_library(module)) continue;
    for (auto [database, function] : kNameServices) {
      Node node = program_.exported(module, function);
      if (node != kNoNode && closure.reached(node)) databases.insert(database);
    }
  }
  std::vector<std::string> libraries;
  auto text = databases.empty() ? std::nullopt : program_.tree().read("/etc/nsswitch.conf", kLargestConfiguration);
  for (size_t at = 0; text && at < text->size();) {
    size_t end = std::min(text->find('\n', at), text->size());
    std::string_view line = std::string_view(*text).substr(at, end - at);
    at = end + 1;
    line = line.substr(0, line.find('#'));
    size_t colon = line.find(':');
    if (colon == std::string_view::npos || !databases.count(line.substr(0, colon))) continue;
    line.remove_prefix(colon + 1);
    for (size_t word = line.find_first_not_of(" \t"); word != std::string_view::npos;) {
      size_t stop = std::min(line.find_first_of(" \t", word), line.size());
      std::string service(line.substr(word, stop - word));
      if (service[0] != '[') libraries.push_back("libnss_" + service + ".so.2");
      word = line.find_first_not_of(" \t", stop);
    }
  }
  return libraries;
}

bool Analysis::can_open(const Closure& closure) const {
  for (uint32_t module = 0; module < program_.modules().size(); module++)
    for (std::string_view name : {"dlopen", "dlmopen"})
      if (Node node = program_.exported(module, name); node != kNoNode && closure.reached(node)) return true;
  return false;
}

// Opens what code that can run is able to open: names it holds, name services. True if there was something new.
bool Analysis::open_more() {
  bool opens = can_open(*closure_);
  size_t before = program_.modules().size();
  auto open = [&](const std::string& name, uint32_t importer) {
    if (tried_.insert(name).second) (void)program_.open_library(name, importer);
  };
  auto names = closure_->names();
  for (const auto& [module, name] : names)
    if (name.find(".so") != std::string::npos && (opens || is_system_library(module))) open(name, module);
  for (const std::string& name : name_service_libraries(*closure_)) open(name, 0);
  return program_.modules().size() != before;
}

Status Analysis::load() {
  Status done = program_.load_main(options_.program);
  for (const std::string& name : options_.with)
    if (done) done = program_.open_library(name);
  if (!done) return done;
  for (int round = 0; round < kMostRounds; round++) {
    const bool same = program_.link();
    if (!closure_ || !same)
      closure_ = std::make_unique<Closure>(program_, ClosureOptions{options_.level, true, nullptr, nullptr, nullptr});
    closure_->run(roots());
    if (!options_.open_found || !open_more()) break;
  }
  return {};
}

std::vector<std::string> Analysis::not_found() const { return program_.missing; }

std::vector<UnresolvedSite> Analysis::unresolved() const {
  std::vector<UnresolvedSite> sites;
  for (Node node : closure().unresolved()) {
    uint32_t module = program_.module_of(node);
    const Summary& s = program_.summary(module);
    const SummaryFunction &row = program_.function(node), &next = program_.next_function(node);
    bool libc = std::string_view(s.soname).starts_with("libc.so.") && program_.exported(module, "setresuid") != kNoNode;
    for (uint32_t i = row.unresolved; i < next.unresolved; i++) {
      bool reviewed = libc && s.unresolved[i].reason == SummaryUnresolved::kLoaded;
      sites.push_back(
          {program_.name_of(node), program_.modules()[module].path, row.begin + s.unresolved[i].site, reviewed, false});
    }
  }
  for (Node node : closure().wrappers_by_pointer())
    if (closure().reached(node))
      sites.push_back({program_.name_of(node), program_.modules()[program_.module_of(node)].path,
                       program_.function(node).begin, false, true});
  return sites;
}

std::vector<Node> Analysis::makers_of(int call) const {
  if (!calls().test(static_cast<size_t>(call))) return {};
  std::vector<std::pair<size_t, Node>> found;
  for (Node node = 0; node < program_.node_count(); node++) {
    if (!closure().reached(node) && !closure().partly(node)) continue;
    const Summary& s = program_.summary(program_.module_of(node));
    auto first = s.calls.begin() + program_.function(node).calls,
         last = s.calls.begin() + program_.next_function(node).calls;
    if (std::find(first, last, call) != last) found.push_back({closure().path_to(node).size(), node});
  }
  std::sort(found.begin(), found.end());
  std::vector<Node> nodes;
  for (auto [length, node] : found) nodes.push_back(node);
  return nodes;
}

std::map<int, Node> Analysis::nearest_makers() const {
  std::map<int, std::pair<size_t, Node>> nearest;
  for (Node node = 0; node < program_.node_count(); node++) {
    const SummaryFunction &row = program_.function(node), &next = program_.next_function(node);
    if (row.calls == next.calls || (!closure().reached(node) && !closure().partly(node))) continue;
    const std::pair<size_t, Node> here(closure().path_to(node).size(), node);
    const Summary& s = program_.summary(program_.module_of(node));
    for (uint32_t i = row.calls; i < next.calls; i++) {
      auto [found, fresh] = nearest.emplace(s.calls[i], here);
      if (!fresh) found->second = std::min(found->second, here);
    }
  }
  std::map<int, Node> makers;
  for (auto [call, found] : nearest)
    if (calls().test(static_cast<size_t>(call))) makers[call] = found.second;
  return makers;
}

uint32_t Analysis::find_module(const std::string& name) const {
  RealPath real = program_.tree().real_path(name.starts_with("/") ? name : "/" + name);
  for (uint32_t module = 0; module < program_.modules().size(); module++) {
    const std::string& path = program_.modules()[module].path;
    if (program_.summary(module).soname == name || path == real.path || libguard::name_of(path) == name) return module;
  }
  return Program::kNoModule;
}

Result<std::unique_ptr<Analysis>> analyse(AnalysisOptions options) {
  auto analysis = std::make_unique<Analysis>(std::move(options));
  Status loaded = analysis->load();
  if (!loaded) return tl::unexpected(loaded.error());
  return analysis;
}

}  // namespace libguard
