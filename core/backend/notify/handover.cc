// SPDX-License-Identifier: Apache-2.0
// Handover: send, and recvmsg with SCM_RIGHTS.
//
// Way:     before the first event.
// Thread:  any; async-signal-safe.
// Failure: see handover.h.
#include "core/backend/notify/handover.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace libguard {

bool send_packet(int socket, const void* bytes, size_t size) {
  ssize_t sent;
  do sent = send(socket, bytes, size, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

long receive_packet(int socket, void* bytes, size_t size, int* descriptor) {
  iovec piece{bytes, size};
  alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got;
  do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (descriptor) *descriptor = -1;
  if (got < 0) return -1;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      if (descriptor && *descriptor < 0)
        *descriptor = fd;
      else
        close(fd);  // nobody asked for more than one
    }
  }
  return got;
}

}  // namespace libguard
