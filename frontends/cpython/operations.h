// SPDX-License-Identifier: Apache-2.0
// Ring 1: audit events that are rights of their own.
//
// Way:     *events* -> stack -> verdict -> action: the supervisor judges, the refusal is a PermissionError.
// Thread:  with the GIL.
// Failure: no answer is a refusal.
#pragma once

#include "frontends/cpython/interpreter.h"

namespace libguard {

// Answer for the audit hook: 0, or -1 with PermissionError set.
int judge_event(const char* event, Object* arguments);

}  // namespace libguard
