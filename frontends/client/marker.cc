// SPDX-License-Identifier: Apache-2.0
// Marker calls: one prctl from one place in this library.
//
// Way:     *events*: the only way to speak to the supervisor after the start.
// Thread:  any; async-signal-safe, no lock, no memory but the stack.
// Failure: -errno as the kernel or the supervisor gave it; a signal that came before the message is no failure.
#include "frontends/client/marker.h"

#include <asm/unistd.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "frontends/client/client.h"
#include "libguard/frontend.h"

namespace libguard {

// The supervisor notes the address of this call site at the hello and takes no marker call from any other.
__attribute__((noinline, noclone)) static long call_site(uint64_t op, uint64_t address, uint64_t length,
                                                         uint64_t nonce) {
  long answer;
  register uint64_t r10 asm("r10") = length;
  register uint64_t r8 asm("r8") = nonce;
  asm volatile("syscall"
               : "=a"(answer)
               : "a"(__NR_prctl), "D"(LG_PRCTL), "S"(op), "d"(address), "r"(r10), "r"(r8)
               : "rcx", "r11", "memory");
  return answer;
}

long marker(lg_marker op, uint64_t address, uint64_t length) {
  long answer;
  // EINTR means that a signal arrived before the supervisor received the message.
  do answer = call_site(op, address, length, client_nonce());
  while (answer == -EINTR);
  if (__builtin_expect(answer == -ENOSYS, 0) && op != LG_MARKER_PROBE) lg_tell_abandoned();
  return answer;
}

}  // namespace libguard

using libguard::marker;

extern "C" {

int lg_inside(void) {
  static int inside = 0;  // a guard is never left, but may come with the door after the first question
  if (inside == 0) inside = marker(LG_MARKER_PROBE, 0, 0) == LG_ABI_VERSION;
  return inside;
}

__u64 lg_ask_resolve(enum lg_resolve_kind kind, const char* path, __u64 length, int file) {
  struct lg_resolve question = {static_cast<__u32>(kind), static_cast<__u32>(length), reinterpret_cast<uintptr_t>(path),
                                0, 0};
  if (file >= 0) {
    struct stat status;
    if (fstat(file, &status) != 0) return 0;
    question.device = status.st_dev;
    question.inode = status.st_ino;
  }
  long answer = marker(LG_MARKER_RESOLVE, reinterpret_cast<uintptr_t>(&question), sizeof question);
  return answer < 0 ? 0 : static_cast<__u64>(answer);
}

long lg_ask_operation(__u16 right) { return marker(LG_MARKER_OPERATION, right, 0); }

long lg_ask_self_check(const __u64* codes, __u64 count) {
  struct lg_self_check question = {reinterpret_cast<uintptr_t>(codes), count};
  return marker(LG_MARKER_SELF_CHECK, reinterpret_cast<uintptr_t>(&question), sizeof question);
}

long lg_handoff_note(void) { return marker(LG_MARKER_HANDOFF_NOTE, 0, 0); }

long lg_handoff_enter(long handoff) { return marker(LG_MARKER_HANDOFF_ENTER, static_cast<uint64_t>(handoff), 0); }

void lg_handoff_release(long handoff) { marker(LG_MARKER_HANDOFF_RELEASE, static_cast<uint64_t>(handoff), 0); }

long lg_ask_phase(enum lg_phase phase) { return marker(LG_MARKER_PHASE, phase, 0); }
}
