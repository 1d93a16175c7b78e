// SPDX-License-Identifier: Apache-2.0
// `libguard policy …`: from a profile to a policy, and everything about it.
//
// Way:     what the user types -> one verb.
// Thread:  main thread.
// Failure: see answer.h.
#include "cli/policy_verbs.h"
#include "cli/verbs.h"

namespace libguard {

void add_policy(CLI::App& app, Verbs& verbs) {
  CLI::App* policy = app.add_subcommand("policy", "Make, check, test, compare and explain policies");
  policy->require_subcommand(1);
  add_policy_new(*policy, verbs);
  add_policy_accept(*policy, verbs);
  add_policy_check(*policy, verbs);
  add_policy_test(*policy, verbs);
  add_policy_diff(*policy, verbs);
  add_policy_explain(*policy, verbs);
  add_policy_fmt(*policy, verbs);
  add_policy_schema(*policy, verbs);
}

}  // namespace libguard
