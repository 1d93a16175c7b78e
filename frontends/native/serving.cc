// SPDX-License-Identifier: Apache-2.0
// libguard_serving: the one function that programs may call, found by dlsym.
//
// Way:     the program says that its start is over -> marker call -> *phase*.
// Thread:  any.
// Failure: outside of a guard -EINVAL, and nothing happens.
#include <errno.h>

#include "libguard/frontend.h"

// The phase in force (LG_SERVING), or -errno.
extern "C" __attribute__((visibility("default"))) long libguard_serving(void) {
  return lg_inside() ? lg_ask_phase(LG_SERVING) : -EINVAL;
}
