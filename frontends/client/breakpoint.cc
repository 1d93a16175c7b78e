// SPDX-License-Identifier: Apache-2.0
// Goes on behind the breakpoint that the supervisor sets at the function with which this program begins to serve.
//
// Way:     *events -> phase*.
// Thread:  the handler runs on whichever thread meets it; async-signal-safe.
// Failure: the supervisor is gone: the process ends with status 125, it could not serve under anybody's eyes. A SIGTRAP
//          that is not ours goes where it would have gone.
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "frontends/client/marker.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

struct sigaction g_before;
uint64_t g_place;  // of the breakpoint, as far as it is known here

void hand_on(int signal, siginfo_t* info, void* context) {
  if (g_before.sa_flags & SA_SIGINFO) return g_before.sa_sigaction(signal, info, context);
  if (g_before.sa_handler == SIG_IGN) return;
  if (g_before.sa_handler != SIG_DFL) return g_before.sa_handler(signal);
  sigaction(SIGTRAP, &g_before, nullptr);
  syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGTRAP);  // comes when the handler has returned
}

void on_trap(int signal, siginfo_t* info, void* context) {
  greg_t& next = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP];
  if (info->si_code != SI_KERNEL) return hand_on(signal, info, context);
  const auto place = static_cast<uint64_t>(next) - 1;
  const int error = errno;
  const long answer = marker(LG_MARKER_FUNCTION, LG_FUNCTION_REACHED, place);
  errno = error;
  if (answer == 1) {
    next--;  // the instruction is there again
    return;
  }
  if (place == g_place)
    lg_refuse_start("nobody answers where this process begins to serve", "its supervisor has ended");
  hand_on(signal, info, context);
}

}  // namespace
}  // namespace libguard

using namespace libguard;

extern "C" void lg_await_serving(void) {
  if (marker(LG_MARKER_FUNCTION, LG_FUNCTION_WANTED, 0) != 1) return;
  struct sigaction action = {};
  action.sa_sigaction = on_trap;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  if (sigaction(SIGTRAP, &action, &g_before) != 0) return;
  const long place = marker(LG_MARKER_FUNCTION, LG_FUNCTION_PLANT, 0);
  if (place > 0) g_place = static_cast<uint64_t>(place);
}
