// SPDX-License-Identifier: Apache-2.0
// What the programs in the kernel can do here.
//
// Way:     before any guard.
// Thread:  main thread.
// Failure: why they cannot be loaded is said, with what to do.
#include "cli/doctor.h"
#include "core/backend/bpf/abilities.h"

namespace libguard {

std::vector<Finding> examine_bpf(const KernelReport& kernel) {
  if (!kernel.loads) return {{Finding::kNote, "bpf backend", kernel.error.what, kernel.error.hint}};
  std::vector<Finding> findings;
  findings.push_back({Finding::kGood, "bpf backend",
                      "loaded; " + std::to_string(kernel.observed.rights().size()) +
                          " rights are seen in the kernel, the others by notify",
                      ""});
  std::string proved;
  for (size_t i = 0; i < kernel.refusers.hooks.size(); i++)
    if (kernel.refusers.hooks[i] != HookKind::kNone)
      proved += (proved.empty() ? "" : " ") + hook_text(kernel.refusers.hooks[i], hooks()[i].name);
  if (const size_t stubs = kernel.refusers.stubs.size(); stubs != 0)
    proved += (proved.empty() ? "" : ", and by ") + std::string("override of the stubs of ") + std::to_string(stubs) +
              " system calls";
  if (!kernel.pins)
    findings.push_back(
        {Finding::kNote, "bpf refusing", kernel.pins.error().what + ": notify refuses", kernel.pins.error().hint});
  else if (proved.empty() && kernel.pages_go_away)
    findings.push_back(
        {Finding::kNote, "bpf refusing",
         "memory may be swapped out here, or taken away for a while (NUMA balancing), and nothing in this "
         "kernel that refuses waits for it: notify refuses",
         "with bpf in lsm= of the boot line it can; see docs/kernel-support.md"});
  else if (proved.empty())
    findings.push_back({Finding::kNote, "bpf refusing",
                        "this kernel takes no LSM, override, fmod_ret or cgroup program: notify refuses",
                        "a kernel with BPF trampolines can; see docs/kernel-support.md"});
  else
    findings.push_back({Finding::kGood, "bpf refusing",
                        std::to_string(kernel.refused.rights().size()) + " rights, canaries refused by " + proved, ""});
  return findings;
}

}  // namespace libguard
