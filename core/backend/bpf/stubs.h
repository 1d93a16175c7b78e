// SPDX-License-Identifier: Apache-2.0
// Which system calls this kernel lets a program answer in place of their code, at their stubs (`__x64_sys_NAME`).
//
// Way:     before the first event.
// Thread:  any.
// Failure: a stub that the kernel does not let be overridden is not there: its call is left to hooks, else to notify.
#pragma once

#include <string>
#include <vector>

namespace libguard {

// Numbers whose stubs may be asked for: of rights that the kernel can judge and of all calls that hooks know, but for
// those that must never be overridden.
std::vector<int> stub_candidates();

// "__x64_sys_sendfile64"; the kernel's names, which are not always those of the calls.
std::string stub_symbol(int nr);

// Of the candidates but for the `broken`, those that this kernel lets be overridden. Not to be asked for where the
// kernel is preemptible (preemption.h).
std::vector<int> probe_stubs(const std::vector<int>& broken);

}  // namespace libguard
