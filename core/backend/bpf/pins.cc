// SPDX-License-Identifier: Apache-2.0
// Pins links and the map of processes, and removes them when nobody is guarded any more.
//
// Way:     see pins.h.
// Thread:  the serving thread.
// Failure: see pins.h.
#include "core/backend/bpf/pins.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <vector>

namespace libguard {
namespace {

namespace fs = std::filesystem;
constexpr char kFileSystem[] = "/sys/fs/bpf";
constexpr char kProcesses[] = "processes";

Error pin_error(const std::string& what, int error) {
  return {Code::kUnsupported, what + ": " + std::strerror(error), "mount it: mount -t bpf bpf /sys/fs/bpf"};
}

bool is_mounted() {
  struct statfs mounted;
  return statfs(kFileSystem, &mounted) == 0 && mounted.f_type == BPF_FS_MAGIC;
}

}  // namespace

// As bpftool does, with the options of systemd, which else mounts it at boot.
Status Pins::prepare() {
  if (is_mounted()) return {};
  if (mount("bpf", kFileSystem, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0) return {};
  const int error = errno;
  if (is_mounted()) return {};  // by another supervisor, meanwhile
  return tl::unexpected(pin_error(std::string(kFileSystem) + " is no bpf file system and cannot become one", error));
}

bool Pins::release(const std::string& directory) {
  std::error_code error;
  if (!guarded(directory).empty()) return false;
  // The map of processes last: it says whether anybody is left.
  for (const auto& entry : fs::directory_iterator(directory, error))
    if (entry.path().filename() != kProcesses) unlink(entry.path().c_str());
  unlink((directory + "/" + kProcesses).c_str());
  return rmdir(directory.c_str()) == 0;
}

void Pins::sweep() {
  for (pid_t supervisor : abandoned()) release(directory_of(supervisor));
}

std::string Pins::directory_of(pid_t supervisor) { return std::string(kRoot) + "/" + std::to_string(supervisor); }

std::vector<pid_t> Pins::abandoned() {
  std::error_code error;
  std::vector<pid_t> all;
  for (const auto& entry : fs::directory_iterator(kRoot, error)) {
    const std::string name = entry.path().filename();
    pid_t supervisor = 0;
    auto parsed = std::from_chars(name.data(), name.data() + name.size(), supervisor);
    if (parsed.ec != std::errc() || supervisor <= 0) continue;
    if (kill(supervisor, 0) != 0 && errno == ESRCH) all.push_back(supervisor);
  }
  return all;
}

std::vector<pid_t> Pins::guarded(const std::string& directory) {
  std::vector<pid_t> all;
  const int map = bpf_obj_get((directory + "/" + kProcesses).c_str());
  if (map < 0) return all;
  uint32_t key = 0, next = 0;
  for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &next) == 0; first = false) {
    key = next;
    const auto pid = static_cast<pid_t>(key);
    if (kill(pid, 0) == 0 || errno == EPERM) all.push_back(pid);
  }
  close(map);
  return all;
}

Result<std::string> Pins::claim(pid_t supervisor) {
  const std::string from = directory_of(supervisor), to = directory_of(getpid());
  if (rename(from.c_str(), to.c_str()) == 0) return to;
  return fail(Code::kNotFound, "cannot take over " + from + ": " + std::strerror(errno),
              "libguard status lists the guards whose supervisor died");
}

Result<std::string> Pins::pin(bpf_object_skeleton& skeleton, const std::map<std::string, int>& maps) {
  if (Status ready = prepare(); !ready) return tl::unexpected(ready.error());
  sweep();
  const std::string directory = directory_of(getpid());
  mkdir(kRoot, 0700);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return tl::unexpected(pin_error("cannot make " + directory, errno));
  int error = 0;
  for (const auto& [name, map] : maps)
    if (error == 0 && bpf_obj_pin(map, (directory + "/" + name).c_str()) != 0) error = errno;
  for (int i = 0; i < skeleton.prog_cnt && error == 0; i++) {
    bpf_link* link = *skeleton.progs[i].link;
    if (link != nullptr) error = -bpf_link__pin(link, (directory + "/" + skeleton.progs[i].name).c_str());
  }
  if (error == 0) return directory;
  release(directory);
  return tl::unexpected(pin_error("cannot pin below " + directory, error));
}

}  // namespace libguard
