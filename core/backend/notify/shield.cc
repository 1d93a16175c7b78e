// SPDX-License-Identifier: Apache-2.0
// Builds Landlock rulesets; the guarded processes put them on themselves.
//
// Way:     events -> verdict -> *action*.
// Thread:  see shield.h.
// Failure: see shield.h.
#include "core/backend/notify/shield.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

namespace libguard {
namespace {

constexpr int kFirstWithRefer = 2, kFirstWithTruncate = 3;  // older ones refuse every rename between directories

constexpr uint64_t kChanges = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                              LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                              LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                              LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                              LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
constexpr uint64_t kOfFiles = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;

uint64_t handled_by(int version) {
  return kChanges | (version >= kFirstWithTruncate ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
}

// The path and all below it get these rights; `out`: what is there. False only if the kernel takes no more rules.
bool allow(int ruleset, const std::string& path, uint64_t rights, struct stat* out) {
  int fd = open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  *out = {};
  if (fd < 0) return true;  // gone meanwhile
  bool good = true;
  if (fstat(fd, out) == 0 && !S_ISLNK(out->st_mode)) {
    landlock_path_beneath_attr rule{};
    rule.parent_fd = fd;
    rule.allowed_access = S_ISDIR(out->st_mode) ? rights : rights & kOfFiles;
    // EBADFD: a file system of the kernel's own, where Landlock allows everything.
    good = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 || errno == EBADFD;
  }
  close(fd);
  return good;
}

}  // namespace

int landlock_version() {
  long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

const char* protection_text(bool by_landlock) { return by_landlock ? "Landlock" : "the supervisor's look"; }

Shield::Shield(bool wanted, ClosedRule closed, std::vector<std::string> data)
    : wanted_(wanted), closed_(std::move(closed)), data_(std::move(data)), version_(wanted ? landlock_version() : 0) {
  if (!wanted)
    reason_ = "Landlock is not used here";
  else if (version_ < kFirstWithRefer)
    reason_ = "this kernel has no Landlock";
}

Shield::~Shield() {
  settle();
  if (ruleset_ >= 0) close(ruleset_);
}

bool Shield::is_new(std::vector<std::string>& paths, bool for_opens) {
  std::sort(paths.begin(), paths.end());
  if (paths == asked_ && (asked_for_opens_ || !for_opens)) return false;
  asked_ = paths;
  asked_for_opens_ = for_opens;
  return true;
}

void Shield::protect(std::vector<std::string> paths, bool for_opens) {
  settle();
  if (is_new(paths, for_opens)) take(make(paths, for_opens));
}

void Shield::prepare(std::vector<std::string> paths) {
  settle();
  if (!is_new(paths, true)) return;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the serving thread
  coming_ = std::async([this, paths = std::move(paths)] { return make(paths, true); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

bool Shield::settle() {
  if (!coming_.valid()) return false;
  take(coming_.get());
  return true;
}

void Shield::only_look(const std::vector<std::string>& paths) {
  protections_.clear();
  for (const std::string& path : paths) protections_.push_back({path, false});
}

// On any thread: nothing that changes later is looked at.
Shield::Made Shield::make(const std::vector<std::string>& paths, bool for_opens) const {
  Made made;
  if (version_ < kFirstWithRefer) {
    made.found.shared = paths;
    return made;
  }
  made.found = separate(paths, closed_, data_);
  if (for_opens ? !paths.empty() : !made.found.separated.empty()) build(made);
  return made;
}

void Shield::build(Made& made) const {
  landlock_ruleset_attr attributes{};
  const uint64_t handled = attributes.handled_access_fs = handled_by(version_);
  int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof(handled), 0));
  bool good = ruleset >= 0;
  struct stat info;
  for (const std::string& path : made.found.allowed) {
    good = good && allow(ruleset, path, handled, &info);
    if (good && info.st_ino != 0) made.zone.emplace(path, Identity{info.st_dev, info.st_ino});
  }
  for (const std::string& path : made.found.open)
    good = good && allow(ruleset, path, handled & ~uint64_t{LANDLOCK_ACCESS_FS_WRITE_FILE}, &info);
  if (good) {
    made.ruleset = ruleset;
    return;
  }
  made.error = errno;
  if (ruleset >= 0) close(ruleset);
}

void Shield::take(Made made) {
  Separation& found = made.found;
  if (made.error != 0) reason_ = std::string("Landlock takes no ruleset: ") + std::strerror(made.error);
  if (made.ruleset >= 0) {
    if (ruleset_ >= 0) close(ruleset_);
    ruleset_ = made.ruleset;
    zones_.push_back(std::move(made.zone));
    closed_directories_ = std::move(found.closed);
    generation_++;
  }
  if (!reason_.empty()) {
    found.shared.insert(found.shared.end(), found.separated.begin(), found.separated.end());
    found.separated.clear();
  }
  protections_.clear();
  for (std::string& path : found.separated) protections_.push_back({std::move(path), true});
  for (std::string& path : found.shared) protections_.push_back({std::move(path), false});
}

const Shield::Zone& Shield::zone_of(uint32_t layers) const {
  const auto first = static_cast<size_t>(std::countr_zero(layers));
  if (std::has_single_bit(layers)) return zones_[first];
  auto [at, fresh] = common_.try_emplace(layers);
  Zone& common = at->second;
  if (!fresh) return common;
  common = zones_[first];
  for (size_t i = first + 1; i < zones_.size(); i++) {
    if ((layers & layer(static_cast<uint32_t>(i) + 1)) == 0) continue;
    std::erase_if(common, [&](const auto& entry) {
      auto same = zones_[i].find(entry.first);
      return same == zones_[i].end() || !(same->second == entry.second);
    });
  }
  return common;
}

// Rules stand at what was there when the ruleset was made; a new file or directory of the same name has none.
bool Shield::lets_write(uint32_t layers, std::string_view path, const struct stat& file) const {
  if (generation_ == 0 || (layers & layer(generation_)) == 0) return false;
  const Zone& zone = zone_of(layers);
  for (size_t end = path.size(); end != std::string_view::npos && end > 0; end = path.rfind('/', end - 1)) {
    auto at = zone.find(path.substr(0, end));
    if (at == zone.end()) continue;
    struct stat now = file;
    if (end != path.size() && lstat(at->first.c_str(), &now) != 0) return false;
    return at->second == Identity{now.st_dev, now.st_ino};
  }
  return false;
}

bool Shield::is_ruleset(pid_t pid, int fd) const {
  return ruleset_ >= 0 && syscall(SYS_kcmp, getpid(), pid, KCMP_FILE, ruleset_, fd) == 0;
}

}  // namespace libguard
