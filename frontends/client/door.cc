// SPDX-License-Identifier: Apache-2.0
// The detached door: this process gets a supervisor of its own and walks into the guard that it makes.
//
// Way:     before everything: the messages are those of libguard/door.h.
// Thread:  one, at the start of the program.
// Failure: one line and exit status 125; the process is never left half guarded.
#include "libguard/door.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontends/client/supervisor.h"
#include "libguard/courier.h"
#include "libguard/frontend.h"
#include "libguard/install_filter.h"

namespace libguard {
namespace {

constexpr int kPatienceSeconds = 60;
constexpr const char* kNoAnswer = "run `libguard doctor`, it starts a guard and says what is missing";

char g_packet[LG_DOOR_MAX_PACKET];

template <class T>
void send_message(int socket, const T& message) {
  ssize_t sent;
  do sent = send(socket, &message, sizeof message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent != sizeof message) lg_refuse_start("the supervisor went away", kNoAnswer);
}

ssize_t receive(int socket) {
  ssize_t got;
  do got = recv(socket, g_packet, sizeof g_packet - 1, 0);
  while (got < 0 && errno == EINTR);
  return got;
}

// The supervisor's own words: "what\nhint".
[[noreturn]] void pass_on(const lg_door_answer& answer, ssize_t size) {
  char* text = g_packet + sizeof answer;
  g_packet[size] = 0;
  char* hint = strchr(text, '\n');
  if (hint) *hint++ = 0;
  if (hint && strchr(hint, '\n')) *strchr(hint, '\n') = 0;
  lg_refuse_start(text[0] ? text : "the supervisor refused", hint && *hint ? hint : kNoAnswer);
}

// Reads the answer; the filter stays in g_packet behind it.
sock_fprog read_filter(int socket) {
  ssize_t size = receive(socket);
  lg_door_answer answer;
  if (size < static_cast<ssize_t>(sizeof answer)) lg_refuse_start("the supervisor did not answer", kNoAnswer);
  memcpy(&answer, g_packet, sizeof answer);
  if (answer.status != 0) pass_on(answer, size);
  uint64_t count = answer.filter_bytes / sizeof(sock_filter);
  if (answer.version != LG_ABI_VERSION || count == 0 || count > BPF_MAXINSNS ||
      static_cast<uint64_t>(size) != sizeof answer + count * sizeof(sock_filter))
    lg_refuse_start("the supervisor's answer is not one of this version",
                    "libguard and libguard_preload.so must be of the same installation");
  admit_reader(answer.supervisor);
  return {static_cast<unsigned short>(count), nullptr};
}

// From here on any call may wait until the supervisor serves: the listener goes to it by courier.
int install(int socket, sock_fprog program, lg_courier** courier) {
  static sock_filter filter[BPF_MAXINSNS];
  memcpy(filter, g_packet + sizeof(lg_door_answer), program.len * sizeof(sock_filter));
  const lg_door_listener message = {LG_ABI_VERSION};
  *courier = lg_start_courier(socket, &message, sizeof message);
  if (!*courier) lg_refuse_start("no courier for the listener", "raise the limit of processes (ulimit -u)");
  int listener = lg_install_filter(filter, program.len);
  lg_give_courier(*courier, listener);
  if (listener < 0) lg_refuse_start(lg_install_filter_reason(-listener), lg_install_filter_hint(-listener));
  return listener;
}

}  // namespace
}  // namespace libguard

using namespace libguard;

extern "C" void lg_open_door(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    lg_refuse_start("no socket pair for the supervisor", "raise the limit of open files (ulimit -n)");
  start_supervisor(pair[1]);
  close(pair[1]);
  timeval patience = {kPatienceSeconds, 0};
  setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  // With standard error, for the one line that says that the program serves.
  const lg_door_request request = {LG_ABI_VERSION, getpid()};
  if (fcntl(STDERR_FILENO, F_GETFD) < 0)
    send_message(pair[0], request);
  else if (lg_send_descriptor(pair[0], &request, sizeof request, STDERR_FILENO) != 0)
    lg_refuse_start("the supervisor went away", kNoAnswer);
  lg_courier* courier;
  int listener = install(pair[0], read_filter(pair[0]), &courier);
  lg_door_ready ready;
  ssize_t size = receive(pair[0]);
  if (size != sizeof ready) lg_refuse_start("the supervisor ended before it served", kNoAnswer);
  memcpy(&ready, g_packet, sizeof ready);
  if (ready.version != LG_ABI_VERSION || ready.status != 0) lg_refuse_start("the supervisor cannot serve", kNoAnswer);
  lg_bury_courier(courier);
  close(listener);
  close(pair[0]);
  hand_on_reader();
}
