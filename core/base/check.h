// SPDX-License-Identifier: Apache-2.0
// LG_CHECK: states what the code takes for granted; a broken one is a bug and ends the supervisor.
//
// Way:     anywhere in the supervisor and the tools; never in code that runs inside a guarded process.
// Thread:  any.
// Failure: prints place and text, aborts; under the notify backend the guarded calls then fail closed (ENOSYS).
#pragma once

#include <cstdio>
#include <cstdlib>

#define LG_CHECK(condition)                                                               \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "libguard: bug: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)
