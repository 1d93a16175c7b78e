// SPDX-License-Identifier: Apache-2.0
// dpkg's file lists as a table of path hashes; diversions; the merged /usr.
//
// Way:     see dpkg.h.
// Thread:  the supervisor's serving thread only.
// Failure: unreadable lists own nothing.
#include "core/library/dpkg.h"

#include <signal.h>

#include <algorithm>
#include <bit>
#include <system_error>

#include "core/library/purl.h"

namespace libguard {
namespace {

constexpr std::string_view kInfo = "/var/lib/dpkg/info";
constexpr size_t kListLimit = size_t{64} << 20;
constexpr size_t kStatusLimit = size_t{128} << 20;

uint64_t hash_of(std::string_view text) { return std::hash<std::string_view>{}(text); }

std::string_view take_line(std::string_view& text) {
  size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// The same file under the other name of the merged /usr: "/usr/lib/x" <-> "/lib/x"; empty if it has none.
std::string merged_twin(std::string_view path) {
  bool below_usr = path.starts_with("/usr/");
  std::string_view rest = below_usr ? path.substr(4) : path;
  for (std::string_view directory : {"/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/"})
    if (rest.starts_with(directory)) return below_usr ? std::string(rest) : "/usr" + std::string(rest);
  return {};
}

bool is_of_interpreter(std::string_view list) { return list.starts_with("python3") || list.starts_with("libpython3"); }

std::string read_distribution(const Tree& tree) {
  auto text = tree.read("/etc/os-release", 65536);
  std::string_view rest = text ? *text : std::string_view{};
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    if (!line.starts_with("ID=")) continue;
    std::string id;
    for (char c : line.substr(3))
      if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_') id += c;
    if (!id.empty()) return id;
  }
  return "debian";
}

}  // namespace

void Dpkg::load_list(const std::string& name, Lists& lists) {
  auto text = tree_.read(std::string(kInfo) + "/" + name, kListLimit);
  if (!text) return;
  auto package = static_cast<uint32_t>(lists.packages.size());
  lists.packages.push_back(name.substr(0, std::min(name.find(':'), name.rfind('.'))));
  std::string_view rest = *text;
  while (!rest.empty()) {
    std::string_view line = take_line(rest);
    if (line.size() > 1) lists.files.push_back({hash_of(line), package});
  }
}

// The paragraph "Package: NAME ... Version: VERSION" of the status file.
std::string Dpkg::version_of(std::string_view package) {
  if (!status_) status_ = tree_.read("/var/lib/dpkg/status", kStatusLimit).value_or("");
  const std::string begin = "Package: " + std::string(package) + "\n";
  size_t at = status_->find(begin);
  while (at != std::string::npos && at != 0 && (*status_)[at - 1] != '\n') at = status_->find(begin, at + 1);
  if (at == std::string::npos) return {};
  std::string_view paragraph = std::string_view(*status_).substr(at);
  paragraph = paragraph.substr(0, paragraph.find("\n\n"));
  while (!paragraph.empty()) {
    std::string_view line = take_line(paragraph);
    if (line.starts_with("Version: ")) return std::string(line.substr(9));
  }
  return {};
}

std::string Dpkg::purl_of(const std::string& package) {
  return Purl{"deb", distribution_, package, version_of(package)}.text();
}

void Dpkg::load_diversions() {
  auto text = tree_.read("/var/lib/dpkg/diversions", kListLimit);
  std::string_view rest = text ? *text : std::string_view{};
  while (!rest.empty()) {
    std::string from(take_line(rest)), to(take_line(rest)), by(take_line(rest));
    if (!from.empty() && !to.empty() && !by.empty()) diversions_.push_back({from, to, by});
  }
}

void Dpkg::Lists::index() {
  slots.assign(std::bit_ceil(2 * files.size() + 1), 0);
  for (uint32_t i = 0; i < files.size(); i++) {
    size_t at = files[i].hash & (slots.size() - 1);
    while (slots[at] != 0) at = (at + 1) & (slots.size() - 1);
    slots[at] = i + 1;
  }
}

Dpkg::~Dpkg() {
  stop_ = true;
  if (loader_.joinable()) loader_.join();
}

void Dpkg::begin() {
  if (loaded_ || loader_.joinable()) return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the threads that wait for them
  try {
    loader_ = std::thread([this] { load(); });
  } catch (const std::system_error&) {
    // No thread: they are read at the first question.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Dpkg::finish() {
  if (loaded_) return;
  if (loader_.joinable())
    loader_.join();
  else
    load();
  loaded_ = true;
}

void Dpkg::load() {
  std::vector<std::string> names = tree_.list(kInfo);
  std::erase_if(names, [](const std::string& name) { return !name.ends_with(".list"); });
  for (const std::string& name : names)
    if (is_of_interpreter(name) && !stop_) load_list(name, interpreters_);
  interpreters_.index();
  interpreters_read_.set_value();
  for (const std::string& name : names)
    if (!is_of_interpreter(name) && !stop_) load_list(name, others_);
  others_.index();
}

const std::string* Dpkg::Lists::listed(std::string_view path, std::string_view only, std::string_view except) const {
  const uint64_t hash = hash_of(path);
  for (size_t at = hash & (slots.size() - 1); slots[at] != 0; at = (at + 1) & (slots.size() - 1)) {
    const File& file = files[slots[at] - 1];
    if (file.hash != hash) continue;
    const std::string& package = packages[file.package];
    if ((only.empty() || package == only) && (except.empty() || package != except)) return &package;
  }
  return nullptr;
}

const std::string* Dpkg::listed(std::string_view path, std::string_view only, std::string_view except) const {
  const std::string* package = interpreters_.listed(path, only, except);
  return package ? package : others_.listed(path, only, except);
}

bool Dpkg::is_diverted(std::string_view path) const {
  return std::any_of(diversions_.begin(), diversions_.end(),
                     [&](const Diversion& diversion) { return diversion.to == path || diversion.from == path; });
}

// What is diverted is asked of all lists.
const std::string* Dpkg::of_interpreters(std::string_view path) {
  if (!loader_.joinable()) return nullptr;
  interpreters_ready_.wait();
  const std::string twin = merged_twin(path);
  if (is_diverted(path) || is_diverted(twin)) return nullptr;
  const std::string* package = interpreters_.listed(path, {}, {});
  return package || twin.empty() ? package : interpreters_.listed(twin, {}, {});
}

const std::string* Dpkg::owner(std::string_view path) const {
  for (const Diversion& diversion : diversions_) {
    if (diversion.to == path) return listed(diversion.from, {}, diversion.by);  // what was moved out of the way
    if (diversion.from == path) return listed(path, diversion.by, {});          // what stands there instead
  }
  return listed(path, {}, {});
}

// An interpreter starts with files whose packages are called like them; only others need all lists.
std::optional<std::string> Dpkg::guess(std::string_view path) const {
  if (is_diverted(path)) return std::nullopt;
  const std::string base(name_of(path)), twin = merged_twin(path);
  for (const std::string& package : {base, base + "-minimal", "lib" + base + "-minimal", "lib" + base + "-stdlib"})
    for (const char* architecture : {"", ":amd64"}) {
      auto text = tree_.read(std::string(kInfo) + "/" + package + architecture + ".list", kListLimit);
      std::string_view rest = text ? *text : std::string_view{};
      while (!rest.empty())
        if (std::string_view line = take_line(rest); line == path || (!twin.empty() && line == twin)) return package;
    }
  return std::nullopt;
}

std::optional<std::string> Dpkg::owner_of(std::string_view path) {
  if (!asked_) {
    asked_ = true;
    distribution_ = read_distribution(tree_);
    load_diversions();
  }
  if (!loaded_) {
    if (auto package = guess(path)) return purl_of(*package);
    if (const std::string* package = of_interpreters(path)) return purl_of(*package);
  }
  finish();
  const std::string* package = owner(path);
  if (!package) {
    std::string twin = merged_twin(path);
    if (!twin.empty()) package = owner(twin);
  }
  if (!package) return std::nullopt;
  return purl_of(*package);
}

}  // namespace libguard
