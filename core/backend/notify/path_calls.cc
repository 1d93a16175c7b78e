// SPDX-License-Identifier: Apache-2.0
// The table of calls that change files by path.
//
// Way:     events -> verdict -> *action*.
// Thread:  constant table.
// Failure: see path_calls.h.
#include "core/backend/notify/path_calls.h"

#include "bpf/judge.h"

namespace libguard {
namespace {

constexpr PathCall kCalls[] = {
    {LG_NR_truncate, true, false, {{-1, 0}, {}}},
    {LG_NR_rename, false, true, {{-1, 0}, {-1, 1}}},
    {LG_NR_renameat, false, true, {{0, 1}, {2, 3}}},
    {LG_NR_renameat2, false, true, {{0, 1}, {2, 3}}},
    {LG_NR_mkdir, false, false, {{-1, 0}, {}}},
    {LG_NR_mkdirat, false, false, {{0, 1}, {}}},
    {LG_NR_rmdir, false, true, {{-1, 0}, {}}},
    {LG_NR_unlink, false, true, {{-1, 0}, {}}},
    {LG_NR_unlinkat, false, true, {{0, 1}, {}}},
    // Both names: a second name of a protected file would be a way around its first one.
    {LG_NR_link, true, false, {{-1, 0}, {-1, 1}}},
    {LG_NR_linkat, true, false, {{0, 1}, {2, 3}}},
    {LG_NR_symlink, false, false, {{-1, 1}, {}}},
    {LG_NR_symlinkat, false, false, {{1, 2}, {}}},
    {LG_NR_mknod, false, false, {{-1, 0}, {}}},
    {LG_NR_mknodat, false, false, {{0, 1}, {}}},
    {LG_NR_chmod, true, false, {{-1, 0}, {}}},
    {LG_NR_fchmodat, true, false, {{0, 1}, {}}},
    {LG_NR_fchmodat2, true, false, {{0, 1}, {}}},
    {LG_NR_chown, true, false, {{-1, 0}, {}}},
    {LG_NR_lchown, false, false, {{-1, 0}, {}}},
    {LG_NR_fchownat, true, false, {{0, 1}, {}}},
    {LG_NR_setxattr, true, false, {{-1, 0}, {}}},
    {LG_NR_lsetxattr, false, false, {{-1, 0}, {}}},
    {LG_NR_removexattr, true, false, {{-1, 0}, {}}},
    {LG_NR_lremovexattr, false, false, {{-1, 0}, {}}},
    {LG_NR_setxattrat, true, false, {{0, 1}, {}}},
    {LG_NR_removexattrat, true, false, {{0, 1}, {}}},
    {LG_NR_file_setattr, true, false, {{0, 1}, {}}},
    {LG_NR_utime, true, false, {{-1, 0}, {}}},
    {LG_NR_utimes, true, false, {{-1, 0}, {}}},
    {LG_NR_futimesat, true, false, {{0, 1}, {}}},
    {LG_NR_utimensat, true, false, {{0, 1}, {}}},
};

}  // namespace

const PathCall* path_call(int nr) {
  for (const PathCall& call : kCalls)
    if (call.nr == nr) return &call;
  return nullptr;
}

EntryChange entry_change(int nr, int argument) {
  switch (nr) {
    case LG_NR_mkdir:
    case LG_NR_mkdirat:
    case LG_NR_mknod:
    case LG_NR_mknodat:
    case LG_NR_symlink:
    case LG_NR_symlinkat:
      return EntryChange::kMakes;
    case LG_NR_unlink:
    case LG_NR_unlinkat:
    case LG_NR_rmdir:
      return EntryChange::kTakes;
    case LG_NR_rename:
    case LG_NR_renameat:
    case LG_NR_renameat2:
      return argument == 0 ? EntryChange::kTakes : EntryChange::kMakes;
    case LG_NR_link:
    case LG_NR_linkat:
      return argument == 0 ? EntryChange::kNone : EntryChange::kMakes;
    default:
      return EntryChange::kNone;
  }
}

bool is_open_call(int nr) { return nr == LG_NR_open || nr == LG_NR_openat || nr == LG_NR_openat2 || nr == LG_NR_creat; }

bool mentions_memory(std::string_view path) {
  return path.find("proc/") != std::string_view::npos && path.ends_with("/mem");
}

}  // namespace libguard
