// SPDX-License-Identifier: Apache-2.0
// Traits by number, and the filter outcomes that follow from them.
//
// Way:     *events*.
// Thread:  pure functions.
// Failure: none.
#include "core/backend/notify/traits.h"

#include "bpf/judge.h"
#include "core/backend/notify/defence.h"
#include "core/backend/notify/paths.h"

namespace libguard {
namespace {

// Splits that cannot do what their call could: they may stay free.
bool is_harmless_split(uint16_t right) {
  switch (right) {
    case LG_RIGHT_KILL_SELF:
    case LG_RIGHT_TGKILL_SELF:
    case LG_RIGHT_PIDFD_OPEN_SELF:
    case LG_RIGHT_OPENAT_READ:
    case LG_RIGHT_MMAP_SHARED_WRITE:
    case LG_RIGHT_IOCTL_HARMLESS:
    case LG_RIGHT_IOCTL_COPY:
    case LG_RIGHT_IOCTL_META:
    case LG_RIGHT_PRCTL_HARMLESS:
    case LG_RIGHT_PRLIMIT64_READ:
    case LG_RIGHT_UTIMENSAT_HELD:
      return true;
    default:
      return false;
  }
}

// The number itself, where it stands for "none of the splits" and that is harmless.
bool is_harmless_rest(uint32_t nr) {
  return nr == LG_NR_mmap || nr == LG_NR_mprotect || nr == LG_NR_pkey_mprotect || nr == LG_NR_fcntl ||
         nr == LG_NR_ioctl;
}

}  // namespace

uint8_t traits_of(int nr) {
  uint8_t traits = 0;
  if (Defence::concerns(nr)) traits |= kDefence;
  if (Paths::concerns(nr)) traits |= kPath;
  switch (nr) {
    case LG_NR_clone:
    case LG_NR_fork:
    case LG_NR_vfork:
      return traits | kBirth;
    case LG_NR_execve:
    case LG_NR_execveat:
      return traits | kBirth | kEnd;
    case LG_NR_exit_group:
      return traits | kEnd;
    case LG_NR_mmap:
    case LG_NR_mprotect:
    case LG_NR_pkey_mprotect:
    case LG_NR_shmat:
      return traits | kMapping;
    case LG_NR_chroot:
    case LG_NR_pivot_root:
    case LG_NR_unshare:
    case LG_NR_setns:
    case LG_NR_landlock_restrict_self:
      return traits | kConfine;
    case LG_NR_setuid:
    case LG_NR_setgid:
    case LG_NR_setreuid:
    case LG_NR_setregid:
    case LG_NR_setresuid:
    case LG_NR_setresgid:
    case LG_NR_setfsuid:
    case LG_NR_setfsgid:
    case LG_NR_setgroups:
    case LG_NR_capset:
      return traits | kIdentity;
    case LG_NR_umask:
      return traits | kMask;
    default:
      return traits;
  }
}

void force_notify(std::vector<Outcome>& outcomes, bool paths) {
  outcomes.resize(LG_MAX_RIGHTS, Outcome::kNotify);
  const uint8_t wanted = kDefence | kBirth | kMapping | kConfine | kIdentity | (paths ? kPath | kMask : 0);
  auto raise = [&](uint16_t right) {
    if (outcomes[right] == Outcome::kAllow) outcomes[right] = Outcome::kNotify;
  };
  for (uint32_t nr = 0; nr < LG_NUMBERS; nr++) {
    if ((traits_of(static_cast<int>(nr)) & wanted) == 0) continue;
    if (!is_harmless_rest(nr)) raise(static_cast<uint16_t>(nr));
    for (Right right : rights_of_call(static_cast<int>(nr)))
      if (number(right) >= LG_FIRST_SPLIT && !is_harmless_split(number(right))) raise(number(right));
  }
}

bool waits_for_clients(int nr) {
  switch (nr) {
    case SYS_accept:
    case SYS_accept4:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
      return true;
    default:
      return false;
  }
}

}  // namespace libguard
