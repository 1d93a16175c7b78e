// SPDX-License-Identifier: Apache-2.0
// The constructor of libguard_preload.so: recognises the runtime, joins the guard or makes one.
//
// Way:     before everything.
// Thread:  the first one of the program, before main.
// Failure: one line on stderr and exit status 125; outside of a guard and unasked nothing happens at all.
#include <stdlib.h>

#include "frontends/client/supervisor.h"
#include "frontends/cpython/attach.h"
#include "frontends/native/retry.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

bool is_set(const char* name) {
  const char* value = getenv(name);
  return value && *value;
}

void join_as_python() {
  const char* problem = nullptr;
  switch (load_python(&problem)) {
    case Recognised::kNoPython:
      return;
    case Recognised::kUnsupported:
      lg_refuse_start(problem, "CPython 3.9 to 3.15 with the GIL are; run this program with one of them");
    case Recognised::kPython:
      break;
  }
  problem = install_python_frontend();
  if (problem) lg_refuse_start(problem, "`libguard doctor` says what is missing");
}

__attribute__((constructor)) void start() {
  find_interrupted_calls();
  if (!lg_inside()) {
    bool wanted = is_set("LIBGUARD_POLICY") || is_set("LIBGUARD_PROFILE");
    if (!wanted || is_libguard_itself()) return;
    lg_open_door();
  } else {
    lg_admit_reader();
  }
  lg_note_messages();
  lg_await_serving();
  retry_interrupted_calls();
  join_as_python();
}

}  // namespace
}  // namespace libguard
