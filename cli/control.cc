// SPDX-License-Identifier: Apache-2.0
// One connection at a time, each with a deadline: a client that says nothing holds up nobody but other clients.
//
// Way:     see control.h.
// Thread:  see control.h.
// Failure: see control.h.
#include "cli/control.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "bpf/abi.h"
#include "cli/announcement.h"

namespace libguard {
namespace {

constexpr int kDeadlineSeconds = 2;
constexpr size_t kMaxLine = 128;

std::string socket_path(int supervisor) {
  return announcement_directory() + "/" + std::to_string(supervisor) + ".sock";
}

bool fill_address(const std::string& path, sockaddr_un* address) {
  *address = sockaddr_un{};
  address->sun_family = AF_UNIX;
  if (path.size() >= sizeof(address->sun_path)) return false;
  std::memcpy(address->sun_path, path.c_str(), path.size() + 1);
  return true;
}

void set_deadline(int connection) {
  timeval deadline{kDeadlineSeconds, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
}

std::string read_line(int connection) {
  std::string line;
  char c = 0;
  while (line.size() < kMaxLine && ::recv(connection, &c, 1, 0) == 1 && c != '\n') line += c;
  return c == '\n' ? line : "";
}

void write_line(int connection, const std::string& line) {
  std::string text = line + "\n";
  [[maybe_unused]] ssize_t sent = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL);
}

}  // namespace

ControlServer::ControlServer(SetPhase set_phase, std::function<void()> end)
    : set_phase_(std::move(set_phase)), end_guard_(std::move(end)) {
  sockaddr_un address;
  std::string path = socket_path(::getpid());
  if (!fill_address(path, &address)) return;
  socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return;
  ::unlink(path.c_str());
  end_ = ::eventfd(0, EFD_CLOEXEC);
  bool bound = end_ >= 0 && ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  if (!bound || ::chmod(path.c_str(), 0600) != 0 || ::listen(socket_, 4) != 0) {
    ::close(socket_);
    socket_ = -1;
    return;
  }
  path_ = path;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { serve(); });
  } catch (const std::system_error&) {
    // No thread: the guard works, only nobody can tell it a phase from outside.
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

ControlServer::~ControlServer() {
  if (thread_.joinable()) {
    ::eventfd_write(end_, 1);
    thread_.join();
  }
  if (socket_ >= 0) ::close(socket_);
  if (end_ >= 0) ::close(end_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

void ControlServer::serve() {
  pollfd waiting[] = {{socket_, POLLIN, 0}, {end_, POLLIN, 0}};
  while (::poll(waiting, 2, -1) >= 0 || errno == EINTR) {
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    int connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    set_deadline(connection);
    answer(connection);
    ::close(connection);
  }
}

void ControlServer::answer(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  bool same_user = ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                   (peer.uid == ::geteuid() || peer.uid == 0);
  if (!same_user) return write_line(connection, "no another user's guard");
  int pid = 0, end = 0;
  std::string line = read_line(connection);
  if (line == "end") {
    end_guard_();
    return write_line(connection, "ok");
  }
  if (std::sscanf(line.c_str(), "phase %d serving%n", &pid, &end) != 1 || end != static_cast<int>(line.size()) ||
      pid <= 0)
    return write_line(connection, "no not understood");
  set_phase_(pid, LG_SERVING);
  write_line(connection, "ok");
}

namespace {

Status ask(int supervisor, const std::string& line, const char* failed) {
  sockaddr_un address;
  std::string path = socket_path(supervisor);
  int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool reached = connection >= 0 && fill_address(path, &address) &&
                 ::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  std::string answer;
  if (reached) {
    set_deadline(connection);
    write_line(connection, line);
    answer = read_line(connection);
  }
  int error = errno;
  if (connection >= 0) ::close(connection);
  if (answer == "ok") return {};
  std::string reason = reached ? (answer.empty() ? "no answer" : answer.substr(3)) : std::strerror(error);
  return fail(Code::kDenied, "supervisor " + std::to_string(supervisor) + " did not " + failed + ": " + reason,
              "libguard status lists the guards of this user");
}

}  // namespace

Status ask_phase(int supervisor, pid_t pid) {
  return ask(supervisor, "phase " + std::to_string(pid) + " serving", "change the phase");
}

Status ask_end(int supervisor) { return ask(supervisor, "end", "end the guard"); }

}  // namespace libguard
