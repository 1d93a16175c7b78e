// SPDX-License-Identifier: Apache-2.0
// Our groups against systemd's and our names against libseccomp's: whoever disagrees is listed here with the reason.
#include <gtest/gtest.h>
#include <seccomp.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "core/rights/rights.h"

namespace libguard {
namespace {

// Calls of one of systemd's sets, nested sets resolved.
std::set<std::string> systemd_set(const std::string& name) {
  const std::string command = std::string(SYSTEMD_ANALYZE) + " syscall-filter --no-pager " + name;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::set<std::string> calls;
  std::array<char, 512> line;
  while (pipe && fgets(line.data(), line.size(), pipe.get())) {
    std::istringstream words(line.data());
    std::string word;
    if (line[0] != ' ' || !(words >> word) || word[0] == '#') continue;
    if (word[0] == '@')
      calls.merge(systemd_set(word));
    else
      calls.insert(word);
  }
  return calls;
}

// Groups of every right a call may need; empty if the architecture has no such call.
std::set<lg_group> groups_of_call(const std::string& call) {
  std::set<lg_group> groups;
  const auto right = find_right(call);
  if (!right || number(*right) >= LG_FIRST_SPLIT) return groups;
  for (const Right each : rights_of_call(number(*right))) groups.insert(group_of(each));
  return groups;
}

void expect_all_dangerous(const std::string& set, const std::map<std::string, std::string>& exceptions) {
  const auto calls = systemd_set(set);
  ASSERT_FALSE(calls.empty()) << set;
  for (const std::string& call : calls)
    for (const lg_group group : groups_of_call(call))
      EXPECT_TRUE(is_dangerous(group) || exceptions.count(call)) << set << ": " << call << " in " << group_name(group);
}

TEST(RightsAgainstSystemd, PrivilegedCallsAreDangerous) {
  for (const char* set : {"@mount", "@clock", "@module", "@reboot", "@swap", "@raw-io", "@keyring", "@cpu-emulation",
                          "@setuid", "@debug"})
    expect_all_dangerous(set, {});
  expect_all_dangerous("@privileged", {{"chown", "@file-meta"},
                                       {"fchown", "@file-meta"},
                                       {"fchownat", "@file-meta"},
                                       {"lchown", "@file-meta: giving away a file needs a capability anyway"}});
  expect_all_dangerous("@obsolete", {{"sysfs", "names of file systems"}, {"ustat", "numbers of a file system"}});
}

TEST(RightsAgainstSystemd, MountsAreOurs) {
  for (const std::string& call : systemd_set("@mount"))
    for (const lg_group group : groups_of_call(call)) EXPECT_EQ(group, LG_GROUP_MOUNT) << call;
}

TEST(RightsAgainstSystemd, FilesByPathAreAboveIo) {
  // Calls of @file-system that act on a held descriptor, only look, or are process state.
  const std::set<std::string> harmless = {
      "access", "close",     "faccessat",  "faccessat2",   "fallocate",     "fchdir",
      "fcntl",  "fgetxattr", "flistxattr", "fstat",        "fstatfs",       "ftruncate",
      "getcwd", "getdents",  "getdents64", "inotify_init", "inotify_init1", "inotify_rm_watch",
      "lstat",  "mmap",      "munmap",     "newfstatat",   "readlink",      "readlinkat",
      "stat",   "statfs",    "statx"};
  for (const std::string& call : systemd_set("@file-system")) {
    if (harmless.count(call)) continue;
    for (const lg_group group : groups_of_call(call))
      EXPECT_TRUE(group > LG_GROUP_CODE_MAP || call == "utimensat") << call << " in " << group_name(group);
  }
}

TEST(RightsAgainstSystemd, WhatRunsIsHarmlessThere) {
  // What we give to everybody must be in systemd's set for services, or have a reason.
  const auto service = systemd_set("@system-service");
  const std::map<std::string, std::string> reasons = {{"mincore", "own memory"},
                                                      {"pkey_alloc", "own memory"},
                                                      {"pkey_free", "own memory"},
                                                      {"pkey_mprotect", "own memory, without PROT_EXEC"},
                                                      {"uprobe", "kernel's own"},
                                                      {"uretprobe", "kernel's own"},
                                                      {"ustat", "numbers of a file system"},
                                                      {"io_uring_enter", "never: @kernel"}};
  for (const Right right : all_rights()) {
    const lg_group group = group_of(right);
    if (group > LG_GROUP_IO || number(right) >= LG_FIRST_SPLIT || number(right) > LG_NR_set_mempolicy_home_node)
      continue;
    EXPECT_TRUE(service.count(right_name(right)) || reasons.count(right_name(right))) << right_name(right);
  }
}

TEST(RightsAgainstSystemd, NetworkAndExecution) {
  EXPECT_TRUE(groups_of_call("connect").count(LG_GROUP_NET_OUT));
  for (const std::string& call : systemd_set("@network-io")) {
    const auto groups = groups_of_call(call);
    const bool acquires =
        call == "bind" || call == "connect" || call == "listen" || call == "sendto" || call == "socket";
    for (const lg_group group : groups)
      EXPECT_TRUE(acquires || group == LG_GROUP_IO || call == "socketpair") << call << " in " << group_name(group);
  }
}

TEST(RightsAgainstLibseccomp, NamesAndNumbersAgree) {
  int agreed = 0;
  for (int nr = 0; nr < LG_NUMBERS; nr++) {
    const std::unique_ptr<char, decltype(&free)> theirs(seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, nr), free);
    if (!theirs) continue;
    EXPECT_EQ(syscall_name(nr).value_or(""), theirs.get());
    agreed++;
  }
  EXPECT_GE(agreed, 350);
  for (const Right right : all_rights()) {
    if (number(right) >= LG_FIRST_SPLIT) break;
    const int theirs = seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, right_name(right).c_str());
    EXPECT_TRUE(theirs < 0 || theirs == number(right)) << right_name(right);
  }
}

}  // namespace
}  // namespace libguard
