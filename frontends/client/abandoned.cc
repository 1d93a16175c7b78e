// SPDX-License-Identifier: Apache-2.0
// Tells that the supervisor has ended: from then on the kernel answers ENOSYS to all that it would have judged.
//
// Way:     *events*: the last one, which nobody else is left to tell.
// Thread:  any; async-signal-safe; one of them tells.
// Failure: standard error has become another file meanwhile: nothing is written.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontends/client/marker.h"
#include "libguard/frontend.h"

namespace {

constexpr char kLine[] =
    "libguard: the supervisor of this guard has ended: what it judged is refused with ENOSYS (start the program "
    "again)\n";

bool g_known;
bool g_told;
dev_t g_device;
ino_t g_inode;

}  // namespace

extern "C" {

void lg_note_messages(void) {
  struct stat status;
  if (fstat(STDERR_FILENO, &status) != 0) return;
  g_device = status.st_dev;
  g_inode = status.st_ino;
  g_known = true;
}

void lg_tell_abandoned(void) {
  const int error = errno;
  // A probe is answered by whatever guards this program; other calls may have ENOSYS from the kernel or a policy.
  if (g_known && !g_told && libguard::marker(LG_MARKER_PROBE, 0, 0) == -ENOSYS &&
      !__atomic_exchange_n(&g_told, true, __ATOMIC_RELAXED)) {
    struct stat status;
    const bool same = fstat(STDERR_FILENO, &status) == 0 && status.st_dev == g_device && status.st_ino == g_inode;
    if (same && write(STDERR_FILENO, kLine, sizeof kLine - 1) < 0) g_known = false;
  }
  errno = error;
}
}
