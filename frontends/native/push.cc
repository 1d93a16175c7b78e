// SPDX-License-Identifier: Apache-2.0
// libguard_push(): joins the guard as a native program that says itself which library it is in.
//
// Way:     *events*: the hello of programs that push.
// Thread:  the first call before other threads; later ones from any.
// Failure: no guard, a program that is walked, or a refused hello: null. No memory: the program ends with status 125.
#include "libguard/push.h"

#include <string.h>

#include "frontends/client/client.h"
#include "frontends/client/states.h"
#include "libguard/frontend.h"

using namespace libguard;

namespace {

lg_push g_push;
bool g_asked, g_joined;

bool join() {
  if (!lg_inside() || client_area()) return false;
  lg_hello hello = {};
  hello.runtime = LG_RUNTIME_NATIVE;
  if (!make_states(&hello, &g_push))
    lg_refuse_start("no memory for pushed states", "raise the limit of address space (ulimit -v)");
  if (lg_say_hello(&hello) < 0) return false;
  begin_states();
  return true;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

const struct lg_push* libguard_push(void) {
  if (!g_asked) g_joined = join();
  g_asked = true;
  return g_joined ? &g_push : nullptr;
}

__u16 libguard_library(const char* path) {
  return LG_RESOLVED_LIBRARY(lg_ask_resolve(LG_RESOLVE_NATIVE, path, strlen(path), -1));
}
}
#pragma GCC visibility pop
