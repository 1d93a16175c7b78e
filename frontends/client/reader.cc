// SPDX-License-Identifier: Apache-2.0
// Lets the detached supervisor read this program's memory where Yama asks for it.
//
// Way:     before *stack*: without it nothing of this program could be told, and all that is judged is refused.
// Thread:  one, at the start of the program; then the child of every fork.
// Failure: Yama is not there or the supervisor is not ours: nothing is allowed, nothing is lost.
//
// The supervisor is nobody's ancestor, so each process has to name it by itself. A program that was executed learns its
// number from the environment; whatever else stands there, the guard lets nobody but its own supervisor be named.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "frontends/client/supervisor.h"
#include "libguard/door.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

long g_reader;

// EINTR means that a signal came before the supervisor saw the call.
void name_reader() {
  while (prctl(PR_SET_PTRACER, g_reader, 0, 0, 0) != 0 && errno == EINTR) continue;
}

}  // namespace

void admit_reader(long supervisor) {
  if (supervisor <= 0) return;
  g_reader = supervisor;
  name_reader();
  pthread_atfork(nullptr, nullptr, name_reader);
}

void hand_on_reader() {
  char number[24];
  if (g_reader <= 0) {
    unsetenv(LG_SUPERVISOR_VARIABLE);
    return;
  }
  snprintf(number, sizeof number, "%ld", g_reader);
  setenv(LG_SUPERVISOR_VARIABLE, number, 1);
}

}  // namespace libguard

extern "C" void lg_admit_reader(void) {
  const char* supervisor = getenv(LG_SUPERVISOR_VARIABLE);
  if (supervisor) libguard::admit_reader(strtol(supervisor, nullptr, 10));
}
