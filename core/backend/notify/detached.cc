// SPDX-License-Identifier: Apache-2.0
// The detached door, supervisor's side.
//
// Way:     before the first event.
// Thread:  one.
// Failure: see detached.h.
#include "core/backend/notify/detached.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "core/backend/notify/handover.h"
#include "libguard/door.h"

namespace libguard {
namespace {

// Yama lets a process be read by its ancestors and by whom it names.
bool must_be_named() {
  char scope = '0';
  if (FILE* file = std::fopen("/proc/sys/kernel/yama/ptrace_scope", "re")) {
    if (std::fread(&scope, 1, 1, file) != 1) scope = '0';
    std::fclose(file);
  }
  return scope != '0';
}

constexpr const char* kHint = "libguard_preload.so and libguard must come from the same installation";

}  // namespace

DetachedDoor::~DetachedDoor() {
  if (fd_ >= 0) close(fd_);
  if (talk_ >= 0) close(talk_);
}
DetachedDoor::DetachedDoor(DetachedDoor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), pid_(other.pid_), talk_(std::exchange(other.talk_, -1)) {}

Result<DetachedDoor> DetachedDoor::accept(int fd) {
  // Any other socket that happens to have this number would never bring a request.
  ucred peer{};
  int type = 0;
  socklen_t size = sizeof(peer), type_size = sizeof(type);
  bool socket = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0;
  std::string trouble = socket ? "" : std::strerror(errno);
  if (socket && (type != SOCK_SEQPACKET || peer.pid <= 0)) trouble = "another kind of socket";
  if (!trouble.empty())
    return fail(Code::kInvalid, "descriptor " + std::to_string(fd) + " is no door: " + trouble,
                "'libguard supervise' is started by libguard_preload.so, not by hand");
  DetachedDoor door(fd, peer.pid);
  lg_door_request request{};
  if (receive_packet(fd, &request, sizeof(request), &door.talk_) != sizeof(request))
    return fail(Code::kIo, "the process that wanted a guard is gone", "start it again");
  if (request.version != LG_ABI_VERSION) {
    Error error{Code::kUnsupported, "the in-process client speaks another version", kHint};
    door.refuse(125, error);
    return tl::unexpected(error);
  }
  return door;
}

void DetachedDoor::refuse(int exit_status, const Error& error) {
  std::string text = error.what + "\n" + error.hint;
  text.resize(std::min<size_t>(text.size(), 4096));
  lg_door_answer answer{};
  answer.version = LG_ABI_VERSION;
  answer.status = static_cast<__u32>(exit_status);
  answer.supervisor = getpid();
  answer.text_bytes = static_cast<__u32>(text.size());
  std::string packet(reinterpret_cast<const char*>(&answer), sizeof(answer));
  packet += text;
  send_packet(fd_, packet.data(), packet.size());
}

Result<int> DetachedDoor::exchange(const std::vector<sock_filter>& filter) {
  lg_door_answer answer{};
  answer.version = LG_ABI_VERSION;
  answer.supervisor = must_be_named() ? getpid() : 0;
  answer.filter_bytes = static_cast<__u32>(filter.size() * sizeof(sock_filter));
  std::string packet(reinterpret_cast<const char*>(&answer), sizeof(answer));
  packet.append(reinterpret_cast<const char*>(filter.data()), answer.filter_bytes);
  if (packet.size() > LG_DOOR_MAX_PACKET)
    return fail(Code::kLimit, "the filter does not fit into one packet", "report this: the table of rights has grown");
  if (!send_packet(fd_, packet.data(), packet.size()))
    return fail(Code::kIo, std::string("the process that wanted a guard is gone: ") + std::strerror(errno),
                "start it again");
  lg_door_listener installed{};
  int listener = -1;
  long got = receive_packet(fd_, &installed, sizeof(installed), &listener);
  if (got == sizeof(installed) && installed.version == LG_ABI_VERSION && listener >= 0) return listener;
  if (listener >= 0) close(listener);
  return fail(Code::kUnsupported, "the process could not install its filter", "its own message says why");
}

Status DetachedDoor::ready() {
  lg_door_ready ready{LG_ABI_VERSION, 0};
  bool sent = send_packet(fd_, &ready, sizeof(ready));
  close(std::exchange(fd_, -1));
  if (!sent) return fail(Code::kIo, "the guarded process is gone", "start it again");
  return {};
}

}  // namespace libguard
