// SPDX-License-Identifier: Apache-2.0
// Switches a rule off by what the judge is shown: subject or matrix row; the judge itself stays as it is.
//
// Way:     see rules.h.
// Thread:  see rules.h.
// Failure: none.
#include "ablation/rules.h"

#include "bpf/judge.h"

namespace libguard {
namespace {

void grant(lg_set& row, uint16_t library) { row.word[library / 64] &= ~(1ull << (library % 64)); }

}  // namespace

const std::vector<RuleName>& rule_names() {
  static const std::vector<RuleName> kNames = {
      {Rule::kNone, "none", "all rules hold"},
      {Rule::kStack, "stack", "libraries further out on the stack are not asked"},
      {Rule::kCaller, "caller", "nobody is judged as caller"},
      {Rule::kDirectCaller, "direct-caller", "every module of the runtime vouches for its caller"},
      {Rule::kHandoff, "hand-off", "no submitter is noted"},
      {Rule::kRuntimeCaller, "runtime-never-caller", "the runtime may be caller of anything"},
      {Rule::kFunctions, "function-cells", "every function may call directly"},
      {Rule::kNamed, "named-starts", "any function of a caller may have the runtime start programs"},
      {Rule::kInherited, "inherited", "the stack of a thread's maker is forgotten"},
      {Rule::kNative, "native", "the C stack is not looked at"},
      {Rule::kSpawned, "spawned", "who started a program is forgotten"},
      {Rule::kUnknown, "unknown", "unknown code holds every right"},
      {Rule::kOperations, "ring-1", "operations of the runtime are not judged"},
      {Rule::kFiles, "protected-files", "code files may be written"},
  };
  return kNames;
}

std::optional<Rule> find_rule(std::string_view name) {
  for (const RuleName& entry : rule_names())
    if (entry.name == name) return entry.rule;
  return std::nullopt;
}

lg_subject without(Rule off, const lg_subject& subject) {
  lg_subject seen = subject;
  switch (off) {
    case Rule::kDirectCaller:
      if (seen.stack.direct == LG_RUNTIME) seen.stack.direct_vouching = 0xffff;
      break;
    case Rule::kHandoff:
      seen.handoff = {};
      break;
    case Rule::kFunctions:
      // A vouching runtime frame has no cell; who is judged as caller stays the same.
      if (seen.stack.direct == LG_RUNTIME) break;
      seen.stack.direct = LG_RUNTIME, seen.stack.direct_vouching = 0xffff;
      seen.stack.flags |= LG_STACK_STARTER;
      break;
    case Rule::kNamed:
      seen.stack.flags |= LG_STACK_STARTER;
      break;
    case Rule::kInherited:
      // Not empty: an empty set would make a thread of native code unknown.
      if (!lg_set_empty(&seen.inherited)) seen.inherited = {}, lg_set_add(&seen.inherited, LG_RUNTIME);
      break;
    case Rule::kNative:
      seen.native = {};
      break;
    case Rule::kSpawned:
      seen.spawners = {};
      break;
    default:
      break;
  }
  return seen;
}

// The rows are made again from the policy whenever a library becomes known, so this is done before each decision.
void Ablated::relax_rows(const Call& call) {
  auto* matrix = const_cast<lg_matrix*>(guard_.matrix());
  auto& rows = matrix->deny[call.subject->phase == LG_INIT ? LG_INIT : LG_SERVING];
  uint16_t right = number(call.right);
  if (off_ == Rule::kStack) rows[LG_ROLE_STACK][right] = {};
  if (off_ == Rule::kCaller) rows[LG_ROLE_CALLER][right] = {};
  if (off_ == Rule::kRuntimeCaller) grant(rows[LG_ROLE_CALLER][right], LG_RUNTIME);
  if (off_ == Rule::kUnknown)
    for (auto& role : rows) grant(role[right], LG_UNKNOWN);
}

Decision Ablated::decide(const Call& call) {
  if (off_ == Rule::kOperations && number(call.right) >= LG_FIRST_OPERATION) return {};
  relax_rows(call);
  lg_subject seen = without(off_, *call.subject);
  Call shown = call;
  shown.subject = &seen;
  return guard_.decide(shown);
}

std::vector<std::string> Ablated::protected_paths() {
  return off_ == Rule::kFiles ? std::vector<std::string>{} : guard_.protected_paths();
}

}  // namespace libguard
