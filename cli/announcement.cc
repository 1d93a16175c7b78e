// SPDX-License-Identifier: Apache-2.0
// One file per supervisor, named by its pid.
//
// Way:     see announcement.h.
// Thread:  main thread.
// Failure: see announcement.h.
#include "cli/announcement.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/backend/bpf/pins.h"
#include "core/base/file.h"

namespace libguard {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Announced& a) {
  Json protections = Json::array();
  for (const auto& [path, by] : a.protections) protections.push_back({{"path", path}, {"by", by}});
  return {{"supervisor", a.supervisor}, {"program", a.program},       {"mode", a.mode},
          {"recording", a.recording},   {"backend", a.backend},       {"policy", a.policy_path},
          {"digest", a.policy_digest},  {"events", a.events_path},    {"started", a.started},
          {"command", a.command},       {"protections", protections}, {"application", a.application},
          {"abandoned", a.abandoned},   {"in_kernel", a.in_kernel}};
}

Announced from_json(const Json& json) {
  Announced a;
  a.supervisor = json.value("supervisor", 0);
  a.program = json.value("program", 0);
  a.mode = json.value("mode", "");
  a.recording = json.value("recording", false);
  a.backend = json.value("backend", "");
  a.policy_path = json.value("policy", "");
  a.policy_digest = json.value("digest", "");
  a.events_path = json.value("events", "");
  a.started = json.value("started", "");
  a.application = json.value("application", "");
  a.command = json.value("command", std::vector<std::string>{});
  a.in_kernel = json.value("in_kernel", std::vector<std::string>{});
  for (const Json& entry : json.value("protections", Json::array()))
    a.protections.emplace_back(entry.value("path", ""), entry.value("by", ""));
  return a;
}

int parent_of(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("PPid:", 0) == 0) return std::atoi(line.c_str() + 5);
  return 0;
}

bool lives(int pid) { return pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM); }

}  // namespace

std::string announcement_directory() {
  if (const char* runtime = std::getenv("XDG_RUNTIME_DIR"); runtime != nullptr && *runtime != 0)
    return std::string(runtime) + "/libguard";
  if (::geteuid() == 0) return "/run/libguard";
  return "/tmp/libguard-" + std::to_string(::geteuid());
}

Announcement::Announcement(const Announced& announced) {
  std::string directory = announcement_directory();
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);
  struct stat about {};
  // A directory of somebody else (in /tmp) is not used.
  if (::lstat(directory.c_str(), &about) != 0 || !S_ISDIR(about.st_mode) || about.st_uid != ::geteuid()) return;
  std::string path = directory + "/" + std::to_string(announced.supervisor) + ".json";
  if (write_file_atomically(path, to_json(announced).dump() + "\n", Lasting::kForTheMoment)) path_ = path;
}

void Announcement::update(const Announced& announced) const {
  if (!path_.empty()) (void)write_file_atomically(path_, to_json(announced).dump() + "\n", Lasting::kForTheMoment);
}

Announcement::~Announcement() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

std::vector<Announced> read_announcements() {
  std::vector<Announced> all;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(announcement_directory(), error)) {
    if (entry.path().extension() != ".json") continue;
    auto text = read_file(entry.path().string(), 1 << 20);
    if (!text) continue;
    Json json = Json::parse(*text, nullptr, false);
    if (!json.is_object()) continue;
    try {
      Announced announced = from_json(json);
      announced.abandoned = !lives(announced.supervisor);
      if (!announced.abandoned || !Pins::guarded(Pins::directory_of(announced.supervisor)).empty())
        all.push_back(std::move(announced));
      else
        ::unlink(entry.path().c_str());
    } catch (const Json::exception&) {
      continue;  // not one of ours: a key of another type
    }
  }
  return all;
}

std::string to_json_text(const std::vector<Announced>& all) {
  Json json = Json::array();
  for (const Announced& announced : all) json.push_back(to_json(announced));
  return json.dump(2) + "\n";
}

bool belongs_to(const Announced& guard, int pid) {
  for (; pid > 1; pid = parent_of(pid))
    if (pid == guard.supervisor || pid == guard.program) return true;
  return false;
}

}  // namespace libguard
