// SPDX-License-Identifier: Apache-2.0
// Abilities of the programs in the kernel.
//
// Way:     see abilities.h.
// Thread:  main thread.
// Failure: see abilities.h.
#include "core/backend/bpf/abilities.h"

#include <algorithm>

#include "core/backend/bpf/kernel_side.h"
#include "core/backend/bpf/preemption.h"
#include "core/backend/notify/traits.h"

namespace libguard {
namespace {

// Numbers of which one form needs this right.
std::vector<int> calls_of(Right wanted) {
  std::vector<int> calls;
  for (int nr = 0; nr < LG_NUMBERS; nr++) {
    const std::vector<Right> rights = rights_of_call(nr);
    if (std::find(rights.begin(), rights.end(), wanted) != rights.end()) calls.push_back(nr);
  }
  return calls;
}

bool names_any(const Hook& hook, const std::vector<int>& calls) {
  return std::any_of(calls.begin(), calls.end(),
                     [&](int nr) { return std::find(hook.calls.begin(), hook.calls.end(), nr) != hook.calls.end(); });
}

}  // namespace

RightSet kernel_rights(const std::vector<Outcome>& outcomes, bool enforcing) {
  RightSet taken;
  std::vector<Outcome> left(LG_MAX_RIGHTS, Outcome::kAllow);
  force_notify(left, enforcing);
  for (Right right : all_rights()) {
    const uint16_t id = number(right);
    if (id >= LG_FIRST_OPERATION || is_dangerous(group_of(right))) continue;
    if (outcomes[id] == Outcome::kNotify && left[id] == Outcome::kAllow) taken.add(right);
  }
  return taken;
}

void keep_refusable(RightSet& rights, std::vector<HookKind>& kinds) {
  const std::vector<int> refusable = refusable_calls(kinds);
  RightSet kept;
  std::vector<bool> needed(kinds.size(), false);
  for (Right right : rights.rights()) {
    const std::vector<int> calls = calls_of(right);
    const bool all = std::all_of(calls.begin(), calls.end(), [&](int nr) {
      return std::find(refusable.begin(), refusable.end(), nr) != refusable.end();
    });
    if (calls.empty() || !all) continue;
    kept.add(right);
    for (size_t i = 0; i < kinds.size(); i++)
      if (names_any(hooks()[i], calls)) needed[i] = true;
  }
  for (size_t i = 0; i < kinds.size(); i++)
    if (!needed[i]) kinds[i] = HookKind::kNone;
  rights = kept;
}

KernelReport examine_kernel_side() {
  KernelReport report;
  report.hooks.assign(hooks().size(), HookKind::kNone);
  if (Status whole = sees_every_call(preemption_facts()); !whole) {
    report.error = whole.error();
    return report;
  }
  std::vector<HookKind> probed = probe_hooks();
  auto kernel = KernelSide::load(probed);
  if (!kernel) {
    report.error = kernel.error();
    return report;
  }
  report.hooks = std::move(probed);
  report.loads = true;
  prove_hooks(**kernel, report.hooks);
  const std::vector<Outcome> all(LG_MAX_RIGHTS, Outcome::kNotify);
  report.observed = kernel_rights(all, false);
  report.refused = kernel_rights(all, true);
  std::vector<HookKind> needed = report.hooks;
  keep_refusable(report.refused, needed);
  return report;
}

std::string refused_by(const KernelReport& report, Right right) {
  std::string text;
  if (!report.refused.has(right)) return text;
  const std::vector<int> calls = calls_of(right);
  for (size_t i = 0; i < report.hooks.size(); i++) {
    if (!names_any(hooks()[i], calls)) continue;
    text += (text.empty() ? "" : " ") + hook_text(report.hooks[i], hooks()[i].name);
  }
  return text;
}

}  // namespace libguard
