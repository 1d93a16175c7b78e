// SPDX-License-Identifier: Apache-2.0
// Capabilities by number: dropped from the bounding set too, so that no exec brings them back.
//
// Way:     see privileges.h.
// Thread:  see privileges.h.
// Failure: see privileges.h.
#include "cli/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace libguard {
namespace {

// Opens are done with the caller's rights in its place: what the kernel asks for at an open stays.
constexpr int kKept[] = {CAP_CHOWN,     CAP_DAC_OVERRIDE,   CAP_DAC_READ_SEARCH, CAP_FOWNER,
                         CAP_FSETID,    CAP_KILL,           CAP_SYS_PTRACE,      CAP_SYS_RESOURCE,
                         CAP_SYS_RAWIO, CAP_SYS_TTY_CONFIG, CAP_SYSLOG};

}  // namespace

void drop_privileges() {
  uint64_t kept = 0;
  for (int capability : kKept) kept |= uint64_t{1} << capability;
  for (int capability = 0; capability < 64; capability++)
    if (!(kept >> capability & 1)) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return;
  for (int word = 0; word < 2; word++) {
    const auto mask = static_cast<uint32_t>(kept >> (32 * word));
    data[word].effective &= mask;
    data[word].permitted &= mask;
    data[word].inheritable &= mask;
  }
  syscall(SYS_capset, &header, data);
}

}  // namespace libguard
