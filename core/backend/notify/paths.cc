// SPDX-License-Identifier: Apache-2.0
// Paths: opens carried out by the supervisor, and the look at calls that change names.
//
// Way:     events -> verdict -> *action*.
// Thread:  the serving thread only.
// Failure: see paths.h.
#include "core/backend/notify/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/backend/notify/path_calls.h"
#include "core/event/event.h"

namespace libguard {
namespace {

constexpr uint64_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
constexpr unsigned kMemoryMajor = 1, kFirstPtsMajor = 136, kLastPtsMajor = 143;  // null, zero, full; pseudo terminals
constexpr uint64_t kSettable = O_APPEND | O_DIRECT | O_NOATIME;  // with O_NONBLOCK, what F_SETFL changes
constexpr int kMaxLinks = 8;

// Devices that open at once and without effect.
bool is_plain_device(const struct stat& info) {
  unsigned number = major(info.st_rdev);
  return S_ISCHR(info.st_mode) && (number == kMemoryMajor || (number >= kFirstPtsMajor && number <= kLastPtsMajor));
}

Paths::Outcome refuse(int error) {
  Paths::Outcome out;
  out.kind = Paths::Outcome::kRefuse;
  out.error = error;
  return out;
}

Paths::Outcome give(int fd, uint64_t flags) {
  if (fd < 0) return refuse(errno == EWOULDBLOCK ? EAGAIN : errno);
  Paths::Outcome out;
  out.kind = Paths::Outcome::kDescriptor;
  out.fd = fd;
  out.close_on_exec = (flags & O_CLOEXEC) != 0;
  return out;
}

// Never waits for a lease or a FIFO: the supervisor must not block.
int open_held(const char* name, uint64_t flags, uint64_t mode) {
  int fd = open(name, static_cast<int>(flags) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, static_cast<mode_t>(mode));
  if (fd >= 0 && (flags & O_NONBLOCK) == 0) fcntl(fd, F_SETFL, static_cast<int>(flags & kSettable));
  return fd;
}

// What the thread's files are made with. /proc tells it once, its calls tell the rest.
bool read_mask(const Thread& thread, mode_t* out) {
  int& known = thread.process->mask;
  if (known < 0) {
    TaskStatus status;
    if (!read_status(thread.tid, &status)) return false;
    *out = status.umask;
    if (known == kNoMask) known = static_cast<int>(status.umask);
    return true;
  }
  *out = static_cast<mode_t>(known);
  return true;
}

// What every process may set of itself, as the files' owner alone says. Landlock leaves nothing of procfs to it.
bool is_own_setting(const Thread& thread, const Place& place) {
  constexpr std::string_view kSettings[] = {"/comm", "/oom_score_adj", "/coredump_filter", "/timerslack_ns"};
  const std::string own = "/proc/" + std::to_string(thread.process->pid) + "/";
  if (!place.on_proc || !place.path.starts_with(own)) return false;
  auto ends = [&](std::string_view setting) { return place.path.ends_with(setting); };
  TaskStatus status;
  return std::any_of(std::begin(kSettings), std::end(kSettings), ends) && read_status(thread.tid, &status) &&
         place.info.st_uid == static_cast<uid_t>(status.uid[3]) && (place.info.st_mode & S_IWUSR) != 0;
}

bool moves_entry(int nr) {
  return nr == SYS_rename || nr == SYS_renameat || nr == SYS_renameat2 || nr == SYS_link || nr == SYS_linkat;
}

std::string trimmed(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

Paths::Paths(std::vector<std::string> protected_paths, std::vector<std::string> data, bool emulate,
             const Shield& shield, NotifyCounters& counters)
    : data_(std::move(data)), emulate_(emulate), shield_(shield), counters_(counters) {
  protect_only(std::move(protected_paths));
  read_status(getpid(), &own_);
}

void Paths::protect_only(std::vector<std::string> protected_paths) {
  protected_.clear();
  for (std::string& path : protected_paths)
    if (!path.empty()) protected_.push_back(trimmed(std::move(path)));
}

bool Paths::concerns(int nr) { return path_call(nr) != nullptr || is_open_call(nr); }

uint64_t Paths::first_path(const seccomp_data& call) {
  if (is_open_call(call.nr)) return call.args[call.nr == SYS_openat || call.nr == SYS_openat2 ? 1 : 0];
  const PathCall* what = path_call(call.nr);
  return what ? call.args[what->paths[0].path] : 0;
}

bool Paths::is_protected(const std::string& path, bool above) const {
  auto below = [](const std::string& inner, const std::string& outer) {
    return inner.compare(0, outer.size(), outer) == 0 &&
           (inner.size() == outer.size() || inner[outer.size()] == '/' || outer == "/");
  };
  auto is_data = [&](const std::string& guarded) {
    return std::any_of(data_.begin(), data_.end(), [&](const std::string& data) {
      return below(data, guarded) && path.size() > data.size() && below(path, data);
    });
  };
  return std::any_of(protected_.begin(), protected_.end(), [&](const std::string& guarded) {
    return (below(path, guarded) && !is_data(guarded)) || (above && below(guarded, path));
  });
}

Paths::Outcome Paths::protect(std::string path) const {
  Outcome out = refuse(EPERM);
  out.guarded = true;
  out.what = kProtectedFile;
  out.path = std::move(path);
  return out;
}

// /proc/PID/mem writes any memory, whatever its protection; what belongs to the supervisor is nobody's.
bool Paths::forbidden(const Place& place, bool inside) const {
  if (!place.on_proc) return is_protected(inside ? place.path + "/" : place.path, false);
  return place.path.ends_with("/mem") || place.path.starts_with("/proc/" + std::to_string(getpid()) + "/");
}

bool Paths::same_rights(Thread& thread) const {
  Process& process = *thread.process;
  if (process.same_rights < 0) {
    TaskStatus status;
    bool same = read_status(thread.tid, &status) && status.uid[3] == own_.uid[3] && status.gid[3] == own_.gid[3] &&
                status.groups == own_.groups && status.capabilities == own_.capabilities;
    if (process.same_rights == kChangesRights) return same;  // and may change again at any time
    process.same_rights = same;
  }
  return process.same_rights == 1;
}

bool Paths::read_open(Thread& thread, const seccomp_data& call, Open* asked, Outcome* out) const {
  const auto* a = call.args;
  if (call.nr == SYS_open) *asked = {AT_FDCWD, a[0], a[1], a[2], false};
  if (call.nr == SYS_creat) *asked = {AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1], false};
  if (call.nr == SYS_openat) *asked = {static_cast<int>(a[0]), a[1], a[2], a[3], false};
  if (call.nr == SYS_openat2) {
    open_how how;
    if (a[3] != sizeof(how)) return *out = refuse(a[3] < sizeof(how) ? EINVAL : E2BIG), false;
    if (!thread.process->memory->read(a[2], &how)) return *out = refuse(EFAULT), false;
    // Callers fall back to openat, as on kernels before 5.6.
    if (how.resolve != 0) return *out = refuse(ENOSYS), false;
    *asked = {static_cast<int>(a[0]), a[1], how.flags, how.mode, true};
  }
  asked->flags &= 0xffffffffu;
  asked->mode &= 07777;
  return true;
}

Paths::Outcome Paths::apply(Thread& thread, const seccomp_data& call) {
  if (!is_open_call(call.nr)) return change(thread, call);
  Outcome out;
  Open asked{};
  if (!read_open(thread, call, &asked, &out)) return out;
  // A name alone gives no access; a read open is only met here as openat2, whose flags are behind a pointer.
  if (!asked.swappable && ((asked.flags & O_PATH) || (asked.flags & kWriting) == 0)) return out;
  out = open_file(thread, asked);
  if (asked.swappable && emulate_ && out.kind == Outcome::kPass) return refuse(ENOSYS);
  return out;
}

// There Landlock lets nothing be written that is protected, so what is there is not.
bool Paths::is_shielded(const Thread& thread, const Open& asked, const std::string& path, const struct stat& file) {
  if (asked.swappable || !shield_.lets_write(thread.process->layers, path, file)) return false;
  counters_.opens_shielded++;
  return true;
}

Paths::Outcome Paths::open_file(Thread& thread, const Open& asked) {
  std::string path;
  int error = 0;
  if (!read_path(*thread.process, asked.path, &path, &error)) return refuse(error);
  if (thread.process->confined) {  // other roots or mounts: its paths are not ours
    counters_.opens_raced++;
    return mentions_memory(path) || is_protected(path, false) ? protect(path) : Outcome{};
  }
  const bool exclusive = (asked.flags & O_CREAT) && (asked.flags & O_EXCL);
  Place place;
  error = find_place(thread, asked.dirfd, path, !(asked.flags & O_NOFOLLOW) && !exclusive, &place);
  if (error == ENOENT && (asked.flags & O_CREAT)) return create_file(thread, asked, path, 0);
  if (error) return refuse(error);
  return open_existing(thread, asked, place);
}

Paths::Outcome Paths::open_existing(Thread& thread, const Open& asked, const Place& place) {
  if (is_shielded(thread, asked, place.path, place.info)) return {};
  const bool writing = (asked.flags & kWriting) != 0 && !(asked.flags & O_PATH);
  if ((asked.flags & O_CREAT) && (asked.flags & O_EXCL)) return refuse(EEXIST);
  if (S_ISLNK(place.info.st_mode)) return refuse(ELOOP);
  const mode_t type = place.info.st_mode & S_IFMT;
  const bool temporary = (asked.flags & O_TMPFILE) == O_TMPFILE;
  if (writing && forbidden(place, temporary)) return protect(place.path);
  if ((asked.flags & O_DIRECTORY) && type != S_IFDIR) return refuse(ENOTDIR);
  if (type == S_IFDIR && writing && !temporary) return refuse(EISDIR);
  if (type != S_IFREG && type != S_IFDIR && !is_plain_device(place.info)) {
    counters_.opens_raced++;
    return {};
  }
  if (!emulate_ || !(same_rights(thread) || is_own_setting(thread, place)) || (asked.flags & O_PATH)) {
    counters_.opens_raced++;
    return {};
  }
  counters_.opens_emulated++;
  char name[40];
  std::snprintf(name, sizeof(name), "/proc/self/fd/%d", place.fd);
  uint64_t flags = asked.flags & ~static_cast<uint64_t>(O_CREAT | O_EXCL | O_NOFOLLOW);
  mode_t mask = 0, before = 0;
  if (temporary && !read_mask(thread, &mask)) return refuse(ESRCH);
  if (temporary) before = umask(mask);
  int fd = open_held(name, flags, asked.mode);
  int error = errno;
  if (temporary) umask(before);
  errno = error;
  return give(fd, asked.flags);
}

// The file is not there: made in its directory, which is held. A dangling link leads to where it points.
Paths::Outcome Paths::create_file(Thread& thread, const Open& asked, std::string path, int links) {
  std::string parent, name;
  split_last(path, &parent, &name);
  if (name.empty() || name.back() == '/') return refuse(EISDIR);
  Place folder;
  if (int error = find_place(thread, asked.dirfd, parent, true, &folder)) return refuse(error);
  if (!S_ISDIR(folder.info.st_mode)) return refuse(ENOTDIR);
  if (folder.on_proc) return refuse(ENOENT);
  if (is_shielded(thread, asked, folder.path, folder.info)) return {};
  if (is_protected(folder.path + "/" + name, false)) return protect(folder.path + "/" + name);
  char target[PATH_MAX];
  ssize_t size = readlinkat(folder.fd, name.c_str(), target, sizeof(target));
  if (size > 0) {
    if ((asked.flags & O_NOFOLLOW) || links >= kMaxLinks) return refuse(ELOOP);
    std::string next(target, static_cast<size_t>(size));
    return create_file(thread, asked, next[0] == '/' ? next : folder.path + "/" + next, links + 1);
  }
  if (!emulate_ || !same_rights(thread)) {
    counters_.opens_raced++;
    return {};
  }
  counters_.opens_emulated++;
  mode_t mask = 0;
  if (!read_mask(thread, &mask)) return refuse(ESRCH);
  mode_t before = umask(mask);
  int fd = openat(folder.fd, name.c_str(), static_cast<int>(asked.flags) | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
                  static_cast<mode_t>(asked.mode));
  int error = errno;
  umask(before);
  errno = error;
  return give(fd, asked.flags);
}

// Would the call succeed but for Landlock? Then its refusal is an event. What fails by itself is left to the kernel.
bool Paths::is_closed(const Thread& thread, const Place& folder, const std::string& name, EntryChange change) const {
  if (change == EntryChange::kNone || thread.process->layers == 0) return false;
  const std::vector<std::string>& closed = shield_.closed();
  if (!std::binary_search(closed.begin(), closed.end(), folder.path)) return false;
  struct stat info;
  bool exists = fstatat(folder.fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (exists != (change == EntryChange::kTakes)) return false;
  return faccessat(AT_FDCWD, folder.path.c_str(), W_OK, AT_EACCESS) == 0;
}

// Landlock lets no file come where it could be written more than before (EXDEV), although none is protected here.
Paths::Outcome Paths::move(Thread& thread, const seccomp_data& call, const Place folders[2],
                           const std::string names[2]) const {
  const Place &from = folders[0], &to = folders[1];
  if (thread.process->layers == 0 || from.fd < 0 || to.fd < 0 || from.on_proc || from.path == to.path) return {};
  if (!moves_entry(call.nr) || shield_.lets_write(thread.process->layers, from.path, from.info)) return {};
  if (!emulate_ || !same_rights(thread)) return {};
  const std::vector<std::string>& closed = shield_.closed();
  if (std::binary_search(closed.begin(), closed.end(), to.path)) return {};
  // The supervisor is under no ruleset: a link that it followed could lead to a protected file by now.
  if (call.nr == SYS_linkat && (call.args[4] & AT_SYMLINK_FOLLOW)) return {};
  const bool link = call.nr == SYS_link || call.nr == SYS_linkat;
  long result;
  if (link)
    result = linkat(from.fd, names[0].c_str(), to.fd, names[1].c_str(), 0);
  else
    result = syscall(SYS_renameat2, from.fd, names[0].c_str(), to.fd, names[1].c_str(),
                     call.nr == SYS_renameat2 ? static_cast<unsigned>(call.args[4]) : 0);
  if (result != 0) return refuse(errno);
  Outcome done;
  done.kind = Outcome::kDone;
  return done;
}

Paths::Outcome Paths::change(Thread& thread, const seccomp_data& call) {
  const PathCall* what = path_call(call.nr);
  if (!what) return {};
  Place folders[2];
  std::string names[2];
  for (int number = 0; number < 2; number++) {
    const PathArgument& argument = what->paths[number];
    if (argument.path < 0) continue;
    std::string path, parent;
    std::string& name = names[number];
    int error = 0;
    uint64_t address = call.args[argument.path];
    if (address == 0 || !read_path(*thread.process, address, &path, &error) || path.empty())
      continue;  // fails by itself
    int dirfd = argument.dirfd < 0 ? AT_FDCWD : static_cast<int>(call.args[argument.dirfd]);
    if (thread.process->confined) {
      if (is_protected(path, true)) return protect(path);
      continue;
    }
    Place place;
    if (what->follows && find_place(thread, dirfd, path, true, &place) == 0 && forbidden(place))
      return protect(place.path);
    // The name itself: in a protected directory, or a directory above one.
    split_last(trimmed(path), &parent, &name);
    Place& folder = folders[number];
    if (find_place(thread, dirfd, parent, true, &folder) != 0) continue;
    std::string full = name == "." || name == ".." ? folder.path : folder.path + (folder.path == "/" ? "" : "/") + name;
    if (is_protected(full, what->moves)) return protect(full);
    EntryChange entry = entry_change(call.nr, number);
    if (!is_closed(thread, folder, name, entry)) continue;
    Outcome out = protect(full);
    out.what = "change beside a protected directory, in a directory that Landlock keeps closed";
    return out;
  }
  return move(thread, call, folders, names);
}

}  // namespace libguard
