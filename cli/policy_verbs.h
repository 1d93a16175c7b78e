// SPDX-License-Identifier: Apache-2.0
// The verbs below `libguard policy`, one per file.
//
// Way:     what the user types -> one of these.
// Thread:  main thread.
// Failure: see answer.h.
#pragma once

#include "cli/verb.h"

namespace libguard {

void add_policy_new(CLI::App& policy, Verbs& verbs);
void add_policy_accept(CLI::App& policy, Verbs& verbs);
void add_policy_check(CLI::App& policy, Verbs& verbs);
void add_policy_test(CLI::App& policy, Verbs& verbs);
void add_policy_diff(CLI::App& policy, Verbs& verbs);
void add_policy_explain(CLI::App& policy, Verbs& verbs);
void add_policy_fmt(CLI::App& policy, Verbs& verbs);
void add_policy_schema(CLI::App& policy, Verbs& verbs);

}  // namespace libguard
