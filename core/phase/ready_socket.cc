// SPDX-License-Identifier: Apache-2.0
// A datagram socket: receives, looks for READY=1, sends on with the descriptors that came along.
//
// Way:     see ready_socket.h.
// Thread:  see ready_socket.h.
// Failure: see ready_socket.h.
#include "core/phase/ready_socket.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <system_error>

namespace libguard {
namespace {

constexpr size_t kMostDescriptors = 253;  // SCM_MAX_FD

// "@name" is an abstract address, anything else a path. Length 0: it does not fit.
socklen_t fill_address(const std::string& text, sockaddr_un* address) {
  *address = {};
  address->sun_family = AF_UNIX;
  if (text.empty() || text.size() >= sizeof(address->sun_path)) return 0;
  std::memcpy(address->sun_path, text.data(), text.size());
  if (text.front() == '@') address->sun_path[0] = 0;
  const size_t end = text.front() == '@' ? 0 : 1;
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + end);
}

}  // namespace

bool says_ready(std::string_view message) {
  while (!message.empty()) {
    const size_t end = std::min(message.find('\n'), message.size());
    if (message.substr(0, end) == "READY=1") return true;
    message.remove_prefix(std::min(end + 1, message.size()));
  }
  return false;
}

ReadySocket::ReadySocket(int fd, int wake, std::string address, std::string manager, std::function<void()> ready)
    : fd_(fd), wake_(wake), address_(std::move(address)), manager_(std::move(manager)), ready_(std::move(ready)) {}

Result<std::unique_ptr<ReadySocket>> ReadySocket::make(const std::string& manager, std::function<void()> ready) {
  uint64_t random = 0;
  if (::getrandom(&random, sizeof(random), 0) != sizeof(random)) random = static_cast<uint64_t>(::getpid());
  char name[64];
  std::snprintf(name, sizeof(name), "@libguard-ready-%d-%016llx", ::getpid(), static_cast<unsigned long long>(random));
  sockaddr_un address;
  const socklen_t length = fill_address(name, &address);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int wake = ::eventfd(0, EFD_CLOEXEC);
  std::unique_ptr<ReadySocket> made(new ReadySocket(fd, wake, name, manager, std::move(ready)));
  if (fd < 0 || wake < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0)
    return fail(Code::kDenied, std::string("no socket to hear READY=1: ") + std::strerror(errno),
                "use 'quiescence' or 'listen:SECONDS' as the start of the serving phase");
  return made;
}

Status ReadySocket::start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for the serving thread
  Status started;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    started = fail(Code::kDenied, std::string("no thread to hear READY=1: ") + error.what(),
                   "raise the limit of threads (ulimit -u)");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

ReadySocket::~ReadySocket() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    while (::write(wake_, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  if (fd_ >= 0) ::close(fd_);
  if (wake_ >= 0) ::close(wake_);
}

void ReadySocket::run() {
  pollfd waits[] = {{fd_, POLLIN, 0}, {wake_, POLLIN, 0}};
  while (::poll(waits, 2, -1) >= 0 || errno == EINTR) {
    if (waits[1].revents != 0) return;
    if ((waits[0].revents & POLLIN) != 0) receive();
  }
}

void ReadySocket::receive() {
  char bytes[4096];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostDescriptors)];
  iovec part{bytes, sizeof(bytes)};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t size = ::recvmsg(fd_, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0) return;
  int descriptors[kMostDescriptors];
  size_t count = 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t some = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < some && count < kMostDescriptors; i++)
      std::memcpy(&descriptors[count++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
  }
  // The phase first: who hears from the manager that the service is ready finds it guarded as one that serves.
  if (says_ready({bytes, static_cast<size_t>(size)})) ready_();
  pass_on(bytes, static_cast<size_t>(size), descriptors, count);
  for (size_t i = 0; i < count; i++) ::close(descriptors[i]);
}

void ReadySocket::pass_on(const char* bytes, size_t size, int* descriptors, size_t count) {
  sockaddr_un address;
  const socklen_t length = fill_address(manager_, &address);
  if (length == 0) return;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostDescriptors)] = {};
  iovec part{const_cast<char*>(bytes), size};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count != 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    std::memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
  }
  while (::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR) {
  }
}

}  // namespace libguard
