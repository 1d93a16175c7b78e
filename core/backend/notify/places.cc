// SPDX-License-Identifier: Apache-2.0
// Place: path look-up on behalf of a guarded thread.
//
// Way:     events -> *verdict*.
// Thread:  the serving thread only.
// Failure: an errno. The kernel's own look-up does it where no procfs is on the way; else component by component,
//          because /proc/self would be the supervisor's.
#include "core/backend/notify/places.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace libguard {
namespace {

constexpr int kMaxLinks = 40;
constexpr ino_t kProcRootInode = 1;

bool is_proc(int fd) {
  struct statfs info;
  return fstatfs(fd, &info) == 0 && info.f_type == PROC_SUPER_MAGIC;
}

// What lies on a block device is no procfs: its device has no major number.
bool is_proc(int fd, const struct stat& info) { return major(info.st_dev) == 0 && is_proc(fd); }

std::string path_of(int fd) {
  char name[40], text[PATH_MAX + 16];
  std::snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
  ssize_t size = readlink(name, text, sizeof(text));
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : std::string();
}

int look(int fd, Place* out) {
  out->fd = fd;
  if (fstat(fd, &out->info) != 0) return errno;
  out->on_proc = is_proc(fd, out->info);
  return 0;
}

// Absolute, and nothing in the text but names. Where no name is a symbolic link, such a path is the real one.
bool is_plain(const std::string& path) {
  for (size_t at = 0; at < path.size();) {
    if (path[at] != '/') return false;
    size_t end = std::min(path.find('/', at + 1), path.size());
    std::string_view name = std::string_view(path).substr(at + 1, end - at - 1);
    if (name == "." || name == ".." || (name.empty() && end != path.size())) return false;
    at = end;
  }
  return !path.empty();
}

int finish(int fd, Place* out) {
  Place place;
  if (int error = look(fd, &place)) return error;
  place.path = path_of(fd);
  *out = std::move(place);
  return 0;
}

// The directory that relative paths start from.
int open_base(const Thread& thread, int dirfd) {
  char name[64];
  if (dirfd == AT_FDCWD)
    std::snprintf(name, sizeof(name), "/proc/%d/cwd", thread.tid);
  else
    std::snprintf(name, sizeof(name), "/proc/%d/fd/%d", thread.tid, dirfd);
  int fd = open(name, O_PATH | O_CLOEXEC);
  if (fd < 0 && dirfd != AT_FDCWD && errno == ENOENT) errno = EBADF;
  return fd;
}

// Component by component. Holds `at` (a directory), replaces it at each step.
class Steps {
 public:
  Steps(const Thread& thread, int at) : thread_(thread), at_(at) {}
  ~Steps() {
    if (at_ >= 0) close(at_);
  }
  int go(std::string rest, bool follow, Place* out);

 private:
  int step(const std::string& name, bool last, bool follow, std::string* rest);
  std::string own_name(const std::string& name) const;
  int move_to(int fd) {
    if (fd < 0) return errno;
    close(at_);
    at_ = fd;
    return 0;
  }

  const Thread& thread_;
  int at_;
  int links_ = 0;
};

// What "self" and "thread-self" mean in the root of procfs.
std::string Steps::own_name(const std::string& name) const {
  if (name != "self" && name != "thread-self") return name;
  struct stat info;
  if (fstat(at_, &info) != 0 || info.st_ino != kProcRootInode || !is_proc(at_)) return name;
  std::string pid = std::to_string(thread_.process->pid);
  return name == "self" ? pid : pid + "/task/" + std::to_string(thread_.tid);
}

int Steps::step(const std::string& name, bool last, bool follow, std::string* rest) {
  std::string own = own_name(name);
  int fd = openat(at_, own.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno;
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISLNK(info.st_mode) || (last && !follow)) return move_to(fd);
  if (++links_ > kMaxLinks) {
    close(fd);
    return ELOOP;
  }
  if (is_proc(fd)) {  // a link of procfs leads to an object, not to a name
    close(fd);
    return move_to(openat(at_, own.c_str(), O_PATH | O_CLOEXEC));
  }
  char target[PATH_MAX];
  ssize_t size = readlinkat(fd, "", target, sizeof(target));
  close(fd);
  if (size <= 0) return size < 0 ? errno : ENOENT;
  *rest = std::string(target, static_cast<size_t>(size)) + (rest->empty() ? "" : "/" + *rest);
  return target[0] == '/' ? move_to(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) : 0;
}

int Steps::go(std::string rest, bool follow, Place* out) {
  bool directory = !rest.empty() && rest.back() == '/';
  for (;;) {
    size_t start = rest.find_first_not_of('/');
    if (start == std::string::npos) break;
    size_t end = std::min(rest.find('/', start), rest.size());
    std::string name = rest.substr(start, end - start);
    rest.erase(0, end);
    bool last = rest.find_first_not_of('/') == std::string::npos;
    if (last)
      rest.clear();
    else
      rest.erase(0, rest.find_first_not_of('/'));
    if (int error = step(name, last && !directory, follow, &rest)) return error;
  }
  struct stat info;
  if (directory && fstat(at_, &info) == 0 && !S_ISDIR(info.st_mode)) return ENOTDIR;
  return finish(std::exchange(at_, -1), out);
}

bool mentions_proc(const std::string& path) {
  return path.find("/proc") != std::string::npos || path.starts_with("/dev/");
}

}  // namespace

Place::~Place() {
  if (fd >= 0) close(fd);
}
Place::Place(Place&& other) noexcept
    : fd(std::exchange(other.fd, -1)), info(other.info), path(std::move(other.path)), on_proc(other.on_proc) {}
Place& Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  if (fd >= 0) close(fd);
  fd = std::exchange(other.fd, -1);
  info = other.info;
  path = std::move(other.path);
  on_proc = other.on_proc;
  return *this;
}

bool read_path(Process& process, uint64_t address, std::string* out, int* error) {
  const std::string_view known = process.memory->expected_text(address);
  if (size_t end = known.find('\0'); end != std::string_view::npos) {
    out->assign(known.substr(0, end));
    return true;
  }
  char text[PATH_MAX];
  size_t used = 0;
  while (used < sizeof(text)) {
    size_t piece = std::min<size_t>(4096 - (address + used) % 4096, sizeof(text) - used);
    if (!process.memory->read(address + used, text + used, piece)) {
      *error = EFAULT;
      return false;
    }
    if (const void* end = std::memchr(text + used, 0, piece)) {
      out->assign(text, static_cast<size_t>(static_cast<const char*>(end) - text));
      return true;
    }
    used += piece;
  }
  *error = ENAMETOOLONG;
  return false;
}

int find_place(const Thread& thread, int dirfd, const std::string& path, bool follow, Place* out) {
  if (path.empty()) return ENOENT;
  const bool absolute = path[0] == '/';
  int base = absolute ? AT_FDCWD : open_base(thread, dirfd);
  if (base < 0 && !absolute) return errno;
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
  // Without links first: then the text is the path, and the kernel need not be asked for it.
  bool plain = absolute && is_plain(path);
  how.resolve = plain ? RESOLVE_NO_SYMLINKS : RESOLVE_NO_MAGICLINKS;
  auto fd = static_cast<int>(syscall(SYS_openat2, base, path.c_str(), &how, sizeof(how)));
  if (fd < 0 && errno == ELOOP && plain) {
    plain = false;
    how.resolve = RESOLVE_NO_MAGICLINKS;
    fd = static_cast<int>(syscall(SYS_openat2, base, path.c_str(), &how, sizeof(how)));
  }
  int error = fd < 0 ? errno : 0;
  if (fd >= 0) {
    Place place;
    error = look(fd, &place);
    if (error == 0 && !place.on_proc) {
      if (!absolute) close(base);
      place.path = plain ? path.substr(0, std::max<size_t>(1, path.find_last_not_of('/') + 1)) : path_of(fd);
      *out = std::move(place);
      return 0;
    }
  } else if (error != ELOOP && !mentions_proc(path)) {
    // Only procfs knows the supervisor from the thread; a failure elsewhere is the thread's own.
    if (!absolute) close(base);
    return error;
  }
  if (absolute && (base = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) return errno;
  return Steps(thread, base).go(path, follow, out);
}

void split_last(const std::string& path, std::string* parent, std::string* name) {
  size_t end = path.find_last_not_of('/');
  size_t slash = end == std::string::npos ? 0 : path.rfind('/', end);
  if (slash == std::string::npos) {
    *parent = ".";
    *name = path;
    return;
  }
  *parent = path.substr(0, slash + 1);
  *name = path.substr(slash + 1);
}

}  // namespace libguard
