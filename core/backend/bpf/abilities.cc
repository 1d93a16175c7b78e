// SPDX-License-Identifier: Apache-2.0
// Abilities of the programs in the kernel.
//
// Way:     see abilities.h.
// Thread:  main thread.
// Failure: see abilities.h.
#include "core/backend/bpf/abilities.h"

#include <algorithm>
#include <set>

#include "core/backend/bpf/paging.h"
#include "core/backend/bpf/pins.h"
#include "core/backend/bpf/preemption.h"
#include "core/backend/bpf/stubs.h"
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

void keep_refusable(RightSet& rights, Refusers& refusers) {
  const std::vector<int> refusable = refusable_calls(refusers);
  RightSet kept;
  std::set<int> needed;
  for (Right right : rights.rights()) {
    const std::vector<int> calls = calls_of(right);
    const bool all = std::all_of(calls.begin(), calls.end(), [&](int nr) {
      return std::find(refusable.begin(), refusable.end(), nr) != refusable.end();
    });
    if (calls.empty() || !all) continue;
    kept.add(right);
    needed.insert(calls.begin(), calls.end());
  }
  std::vector<int> stubs, hooked;  // of the needed calls
  for (int nr : needed)
    (std::binary_search(refusers.stubs.begin(), refusers.stubs.end(), nr) ? stubs : hooked).push_back(nr);
  refusers.stubs = stubs;
  for (size_t i = 0; i < refusers.hooks.size(); i++)
    if (!names_any(hooks()[i], hooked)) refusers.hooks[i] = HookKind::kNone;
  rights = kept;
}

Result<std::unique_ptr<KernelSide>> load_refusing(Refusers& refusers, RightSet* rights, const PythonProbes* feed) {
  const RightSet wanted = rights ? *rights : RightSet();
  for (std::vector<int> broken;;) {  // a call whose stub did not refuse is left to what comes next
    refusers = probe_refusers(broken);
    if (rights) keep_refusable(*rights = wanted, refusers);
    if (rights && rights->empty()) return nullptr;
    auto kernel = KernelSide::load(refusers, {}, feed);
    if (!kernel) return kernel;
    const std::vector<int> more = prove_refusers(**kernel, refusers);
    if (rights) keep_refusable(*rights, refusers);
    if (rights && rights->empty() && more.empty()) return nullptr;
    if (more.empty()) return kernel;
    broken.insert(broken.end(), more.begin(), more.end());
  }
}

KernelReport examine_kernel_side() {
  KernelReport report;
  if (Status whole = sees_every_call(preemption_facts()); !whole) {
    report.error = whole.error();
    return report;
  }
  Refusers proved;
  auto kernel = load_refusing(proved, nullptr, nullptr);
  if (!kernel) {
    report.error = kernel.error();
    return report;
  }
  report.loads = true;
  report.pins = Pins::prepare();
  if (report.pins) report.refusers = std::move(proved);
  report.pages_go_away = pages_go_away(paging_facts());
  const std::vector<Outcome> all(LG_MAX_RIGHTS, Outcome::kNotify);
  report.observed = kernel_rights(all, false);
  report.refused = kernel_rights(all, true);
  Refusers needed = report.refusers;
  keep_refusable(report.refused, needed);
  return report;
}

std::string refused_by(const KernelReport& report, Right right) {
  std::string text;
  if (!report.refused.has(right)) return text;
  std::vector<int> hooked;
  auto append = [&](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
  for (int nr : calls_of(right)) {
    const std::vector<int>& stubs = report.refusers.stubs;
    if (std::binary_search(stubs.begin(), stubs.end(), nr))
      append("override/" + stub_symbol(nr));
    else
      hooked.push_back(nr);
  }
  for (size_t i = 0; i < report.refusers.hooks.size(); i++)
    if (names_any(hooks()[i], hooked)) append(hook_text(report.refusers.hooks[i], hooks()[i].name));
  return text;
}

}  // namespace libguard
