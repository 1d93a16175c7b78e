// SPDX-License-Identifier: Apache-2.0
// Puts on the Landlock ruleset that the supervisor made: code directories stay as they are, for all descendants too.
//
// Way:     events -> verdict -> *action*: behind the supervisor's look at paths.
// Thread:  one, before the first code that is not the runtime's.
// Failure: told to the supervisor, which counts it; its look at paths stays.
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "frontends/client/marker.h"
#include "libguard/frontend.h"

extern "C" void lg_put_on_shield(void) {
  long ruleset = libguard::marker(LG_MARKER_RULESET, LG_RULESET_TAKE, 0);
  if (ruleset < 0) return;
  long answer;
  // EINTR means that a signal came before the supervisor saw the call.
  do answer = syscall(SYS_landlock_restrict_self, ruleset, 0);
  while (answer != 0 && errno == EINTR);
  int error = answer == 0 ? 0 : errno;
  close(static_cast<int>(ruleset));
  libguard::marker(LG_MARKER_RULESET, LG_RULESET_TOLD, static_cast<uint64_t>(error));
}
