// SPDX-License-Identifier: Apache-2.0
// Facts, real paths and reads below a root directory.
//
// Way:     see tree.h.
// Thread:  any.
// Failure: what cannot be read does not exist.
#include "core/library/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <memory>

namespace libguard {
namespace {

constexpr int kMaxLinks = 40;  // as the kernel's own limit

FileFacts facts_of(const struct stat& st) {
  FileFacts facts;
  facts.kind = S_ISREG(st.st_mode)   ? FileFacts::Kind::kFile
               : S_ISDIR(st.st_mode) ? FileFacts::Kind::kDirectory
                                     : FileFacts::Kind::kOther;
  facts.changed_ns = int64_t{st.st_ctim.tv_sec} * 1'000'000'000 + st.st_ctim.tv_nsec;
  facts.identity = {st.st_dev, st.st_ino};
  facts.size = static_cast<uint64_t>(st.st_size);
  facts.owner = st.st_uid;
  facts.mode = st.st_mode & 07777;
  return facts;
}

// Takes the first component off `rest`.
std::string_view take_component(std::string_view& rest) {
  while (rest.starts_with('/')) rest.remove_prefix(1);
  std::string_view component = rest.substr(0, rest.find('/'));
  rest.remove_prefix(component.size());
  return component;
}

std::optional<std::string> read_bytes(int fd, size_t limit) {
  std::string text(limit, '\0');
  size_t used = 0;
  while (used < limit) {
    ssize_t n = ::read(fd, text.data() + used, limit - used);
    if (n < 0) return std::nullopt;
    if (n == 0) break;
    used += static_cast<size_t>(n);
  }
  text.resize(used);
  return text;
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

Tree::Tree(std::string_view root) : root_(normal_path(root)) {
  if (root_ == "/") root_.clear();
}

std::string Tree::host(std::string_view path) const { return root_ + std::string(path); }

// The common case in three system calls: the path exists and has no link in it.
bool Tree::look_without_links(std::string_view path, RealPath& real) const {
  if (!root_.empty()) return false;  // the root's own path may have links
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;  // with O_NOFOLLOW a link at the end would be opened itself
  how.resolve = RESOLVE_NO_SYMLINKS;
  std::string name(path);
  Descriptor file{static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, name.c_str(), &how, sizeof how))};
  struct stat st;
  if (file.fd < 0 || ::fstat(file.fd, &st) != 0) return false;
  real.path = normal_path(path);
  real.facts = facts_of(st);
  return true;
}

RealPath Tree::real_path(std::string_view path) const {
  RealPath real;
  if (!path.starts_with('/') || look_without_links(path, real)) return real;
  std::string pending(path);
  std::string_view rest = pending;
  real.facts.kind = FileFacts::Kind::kDirectory;
  int links = 0;
  for (std::string_view component = take_component(rest); !component.empty(); component = take_component(rest)) {
    if (!real.facts.is_directory()) {
      real.inside = std::string(component) + std::string(rest);
      if (!real.facts.is_file()) real.facts = {};
      return real;
    }
    if (component == ".") continue;
    if (component == "..") {  // as the kernel does: the parent of where the links led, not of how it was written
      real.path.resize(real.path.empty() ? 0 : real.path.rfind('/'));
      continue;
    }
    std::string next = real.path + "/" + std::string(component);
    struct stat st;
    if (::lstat(host(next).c_str(), &st) != 0) {
      real.path = next + std::string(rest);
      real.facts = {};
      return real;
    }
    if (!S_ISLNK(st.st_mode)) {
      real.path = std::move(next);
      real.facts = facts_of(st);
      continue;
    }
    char target[PATH_MAX];
    ssize_t length = ::readlink(host(next).c_str(), target, sizeof target);
    if (length <= 0 || ++links > kMaxLinks) {
      real.facts = {};
      return real;
    }
    real.newest_link_ns = std::max(real.newest_link_ns, facts_of(st).changed_ns);
    std::string_view to(target, static_cast<size_t>(length));
    pending = std::string(to) + std::string(rest);
    rest = pending;
    if (to.starts_with('/')) real.path.clear();
    real.facts = {};
    real.facts.kind = FileFacts::Kind::kDirectory;
  }
  if (real.path.empty()) real.path = "/";
  return real;
}

std::optional<std::string> Tree::read(std::string_view path, size_t limit) const {
  RealPath real = real_path(path);
  if (!real.facts.is_file() || !real.inside.empty() || real.facts.size > limit) return std::nullopt;
  Descriptor file{::open(host(real.path).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (file.fd < 0) return std::nullopt;
  return read_bytes(file.fd, static_cast<size_t>(real.facts.size));
}

std::optional<std::string> Tree::read_head(std::string_view path, size_t length) const {
  RealPath real = real_path(path);
  if (!real.facts.is_file() || !real.inside.empty()) return std::nullopt;
  Descriptor file{::open(host(real.path).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
  if (file.fd < 0) return std::nullopt;
  return read_bytes(file.fd, std::min(length, static_cast<size_t>(real.facts.size)));
}

std::vector<std::string> Tree::list(std::string_view directory) const {
  std::vector<std::string> names;
  RealPath real = real_path(directory);
  if (!real.facts.is_directory()) return names;
  std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(host(real.path).c_str()), &::closedir);
  if (!dir) return names;
  while (const dirent* entry = ::readdir(dir.get())) {
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string normal_path(std::string_view path) {
  if (!path.starts_with('/')) return {};
  std::string result;
  while (!path.empty()) {
    std::string_view component = take_component(path);
    if (component == "..") {
      result.resize(result.empty() ? 0 : result.rfind('/'));
    } else if (!component.empty() && component != ".") {
      result += '/';
      result += component;
    }
  }
  return result.empty() ? "/" : result;
}

std::string_view parent_of(std::string_view path) {
  size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || path.size() <= 1) return {};
  return path.substr(0, std::max<size_t>(slash, 1));
}

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.size() > 1;
  return path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/';
}

}  // namespace libguard
