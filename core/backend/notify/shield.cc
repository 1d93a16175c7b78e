// SPDX-License-Identifier: Apache-2.0
// Builds Landlock rulesets; the guarded processes put them on themselves.
//
// Way:     events -> verdict -> *action*.
// Thread:  see shield.h.
// Failure: see shield.h.
#include "core/backend/notify/shield.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

// The path and all below it may be changed. False only if the kernel takes no more rules.
bool allow(int ruleset, const std::string& path, uint64_t handled) {
  int fd = open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return true;  // gone meanwhile
  struct stat info;
  bool good = true;
  if (fstat(fd, &info) == 0 && !S_ISLNK(info.st_mode)) {
    landlock_path_beneath_attr rule{};
    rule.parent_fd = fd;
    rule.allowed_access = S_ISDIR(info.st_mode) ? handled : handled & kOfFiles;
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

Shield::Shield(bool wanted, ClosedRule closed)
    : wanted_(wanted), closed_(std::move(closed)), version_(wanted ? landlock_version() : 0) {
  if (!wanted)
    reason_ = "Landlock is not used here";
  else if (version_ < kFirstWithRefer)
    reason_ = "this kernel has no Landlock";
}

Shield::~Shield() {
  if (ruleset_ >= 0) close(ruleset_);
}

void Shield::protect(const std::vector<std::string>& paths) {
  Separation found;
  if (wanted_ && version_ >= kFirstWithRefer)
    found = separate(paths, closed_);
  else
    found.shared = paths;
  if (!found.separated.empty() && found.separated != held_) {
    if (build(found.allowed)) {
      held_ = found.separated;
      closed_directories_ = std::move(found.closed);
      generation_++;
      reason_.clear();
    } else {
      reason_ = std::string("Landlock takes no ruleset: ") + std::strerror(errno);
      found.shared.insert(found.shared.end(), found.separated.begin(), found.separated.end());
      found.separated.clear();
    }
  }
  if (ruleset_ < 0 && reason_.empty()) reason_ = "no protected path can be separated";
  protections_.clear();
  for (std::string& path : found.separated) protections_.push_back({std::move(path), true});
  for (std::string& path : found.shared) protections_.push_back({std::move(path), false});
}

bool Shield::build(const std::vector<std::string>& allowed) {
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = handled_by(version_);
  int ruleset =
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes.handled_access_fs), 0));
  if (ruleset < 0) return false;
  for (const std::string& path : allowed) {
    if (allow(ruleset, path, attributes.handled_access_fs)) continue;
    int error = errno;
    close(ruleset);
    errno = error;
    return false;
  }
  if (ruleset_ >= 0) close(ruleset_);
  ruleset_ = ruleset;
  return true;
}

}  // namespace libguard
