// SPDX-License-Identifier: Apache-2.0
// The table of rights: complete, unique, and the splits that the documents promise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <set>
#include <string>

#include "core/rights/rights.h"

namespace libguard {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Optional;

std::string classified(int nr, std::vector<uint64_t> given, uint32_t self = 0, uint32_t family = 0) {
  given.resize(6);
  return right_name(classify(static_cast<uint32_t>(nr), given.data(), self, family));
}

std::string group_when(int nr, const std::vector<uint64_t>& args, uint32_t self = 0, uint32_t family = 0) {
  return std::string(group_name(group_of(*find_right(classified(nr, args, self, family)))));
}

TEST(RightsTable, NamesEveryCallOfTheArchitecture) {
  int named = 0;
  for (int nr = 0; nr <= 471; nr++) {
    const bool skipped = nr >= 337 && nr <= 423;
    EXPECT_EQ(syscall_name(nr).has_value(), !skipped) << nr;
    named += syscall_name(nr).has_value();
  }
  EXPECT_EQ(named, 385);
  EXPECT_GE(all_rights().size(), 385u + 32u + 18u);
}

TEST(RightsTable, NumbersAreThoseOfTheHeaders) {
  EXPECT_EQ(LG_NR_openat, SYS_openat);
  EXPECT_EQ(LG_NR_pidfd_getfd, SYS_pidfd_getfd);
  EXPECT_EQ(LG_NR_process_madvise, SYS_process_madvise);
  EXPECT_THAT(syscall_name(SYS_io_uring_setup), Optional(std::string("io_uring_setup")));
}

TEST(RightsTable, NamesAreUniqueAndFoundAgain) {
  std::set<std::string> names;
  for (const Right right : all_rights()) {
    EXPECT_TRUE(names.insert(right_name(right)).second) << right_name(right);
    EXPECT_EQ(find_right(right_name(right)), right);
  }
  EXPECT_EQ(find_right("syscall:400"), Right{400});
  EXPECT_EQ(right_name(Right{400}), "syscall:400");
  EXPECT_FALSE(find_right("syscall:512"));
  EXPECT_FALSE(find_right("syscall:"));
  EXPECT_FALSE(find_right("syscall:4x"));
  EXPECT_FALSE(find_right("opanat"));
}

TEST(RightsTable, GroupsPartitionTheRights) {
  std::set<Right> seen;
  for (int group = 0; group < LG_GROUPS; group++) {
    const auto id = static_cast<lg_group>(group);
    EXPECT_FALSE(rights_of(id).empty()) << group_name(id);
    EXPECT_THAT(find_group(group_name(id)), Optional(id));
    for (const Right right : rights_of(id)) EXPECT_TRUE(seen.insert(right).second) << right_name(right);
  }
  EXPECT_EQ(seen.size(), all_rights().size());
  EXPECT_EQ(LG_GROUPS, 26);
  EXPECT_EQ(LG_GROUPS - LG_GROUP_NET_OUT, 13) << "vouching bits below LG_VOUCH_IMPORT";
}

TEST(RightsTable, UnknownNumbersAreTheKernels) {
  const uint64_t args[6] = {};
  for (const uint32_t nr : {337u, 423u, 472u, 511u, 512u, 100000u, 0xffffffffu})
    EXPECT_EQ(group_of(classify(nr, args, 0, 0)), LG_GROUP_KERNEL) << nr;
  EXPECT_EQ(lg_group_of(639), LG_GROUP_KERNEL);
  EXPECT_EQ(lg_group_of(1023), LG_GROUP_KERNEL);
}

TEST(RightsTable, SplitsFiles) {
  EXPECT_EQ(classified(SYS_openat, {0, 0, 0}), "openat:read");
  EXPECT_EQ(classified(SYS_open, {0, 02000000}), "openat:read");
  for (const uint64_t flags : {1, 2, 3, 0100, 01000, 020000000 | 2})
    EXPECT_EQ(classified(SYS_openat, {0, 0, flags}), "openat:write") << flags;
  EXPECT_EQ(classified(SYS_openat, {0, 0, 0x100000000}), "openat:read") << "int flags: upper half is ignored";
  EXPECT_EQ(group_when(SYS_openat2, {}), "@file-write");
  EXPECT_EQ(classified(SYS_utimensat, {3, 0}), "utimensat:held");
  EXPECT_EQ(group_when(SYS_utimensat, {3, 4096}), "@file-meta");
  EXPECT_EQ(group_when(SYS_utimensat, {3, 1ull << 32}), "@file-meta") << "a pointer has two halves";
}

TEST(RightsTable, SplitsMemory) {
  const uint64_t rx = PROT_READ | PROT_EXEC, rw = PROT_READ | PROT_WRITE;
  EXPECT_EQ(group_when(SYS_mmap, {0, 1, rx, MAP_PRIVATE, 3}), "@code-map");
  EXPECT_EQ(group_when(SYS_mmap, {0, 1, rx | PROT_WRITE, MAP_PRIVATE, 3}), "@memory-exec");
  EXPECT_EQ(group_when(SYS_mmap, {0, 1, rx, MAP_PRIVATE | MAP_ANONYMOUS}), "@memory-exec");
  EXPECT_EQ(group_when(SYS_mmap, {0, 1, rw, MAP_SHARED, 3}), "@file-write");
  EXPECT_EQ(group_when(SYS_mmap, {0, 1, rw, MAP_SHARED_VALIDATE, 3}), "@file-write");
  EXPECT_EQ(group_when(SYS_mmap, {0, 1, rw, MAP_SHARED | MAP_ANONYMOUS}), "@base");
  EXPECT_EQ(group_when(SYS_mmap, {0, 1, rw, MAP_PRIVATE, 3}), "@base");
  EXPECT_EQ(group_when(SYS_mprotect, {0, 1, rx}), "@memory-exec");
  EXPECT_EQ(group_when(SYS_mprotect, {0, 1, rw}), "@base");
  EXPECT_EQ(group_when(SYS_shmat, {0, 0, 0100000}), "@memory-exec");
  EXPECT_EQ(group_when(SYS_shmat, {0, 0, 0}), "@ipc");
}

TEST(RightsTable, SplitsProcesses) {
  EXPECT_EQ(group_when(SYS_clone, {0x3d0f00}), "@base") << "pthread_create";
  EXPECT_EQ(group_when(SYS_clone, {0x01200011}), "@process") << "fork";
  EXPECT_EQ(group_when(SYS_clone, {0x10000011}), "@privilege") << "CLONE_NEWUSER";
  EXPECT_EQ(group_when(SYS_clone, {0x3d0f00 | 0x40000000}), "@privilege");
  EXPECT_EQ(group_when(SYS_clone3, {}), "@process");
  EXPECT_EQ(group_when(SYS_kill, {77}, 77), "@base");
  EXPECT_EQ(group_when(SYS_kill, {78}, 77), "@process");
  EXPECT_EQ(group_when(SYS_kill, {0}, 0), "@process") << "0 is the process group, and the own process is not known";
  EXPECT_EQ(group_when(SYS_kill, {0xffffffff}, 77), "@process");
  EXPECT_EQ(group_when(SYS_tgkill, {77, 78}, 77), "@base");
  EXPECT_EQ(group_when(SYS_tkill, {77}, 77), "@process");
  EXPECT_EQ(group_when(SYS_prlimit64, {0, 7, 0}), "@base");
  EXPECT_EQ(group_when(SYS_prlimit64, {0, 7, 4096}), "@resource");
  EXPECT_EQ(group_when(SYS_prlimit64, {77, 7, 4096}, 77), "@resource");
  EXPECT_EQ(group_when(SYS_prlimit64, {78, 7, 4096}, 77), "@process");
}

TEST(RightsTable, SplitsSockets) {
  EXPECT_EQ(group_when(SYS_socket, {1}), "@local-socket");
  EXPECT_EQ(group_when(SYS_socket, {16}), "@local-socket");
  EXPECT_EQ(group_when(SYS_socket, {2}), "@net-out");
  EXPECT_EQ(group_when(SYS_socket, {10}), "@net-out");
  EXPECT_EQ(group_when(SYS_socket, {17}), "@kernel");
  for (const uint32_t local : {1u, 16u}) {
    EXPECT_EQ(group_when(SYS_connect, {3}, 0, local), "@local-socket");
    EXPECT_EQ(group_when(SYS_bind, {3}, 0, local), "@local-socket");
    EXPECT_EQ(group_when(SYS_sendto, {3, 0, 0, 0, 4096}, 0, local), "@local-socket");
  }
  for (const uint32_t other : {0u, 2u, 10u, 17u, 40u}) {
    EXPECT_EQ(group_when(SYS_connect, {3}, 0, other), "@net-out");
    EXPECT_EQ(group_when(SYS_bind, {3}, 0, other), "@net-in");
    EXPECT_EQ(group_when(SYS_sendto, {3, 0, 0, 0, 1ull << 40}, 0, other), "@net-out");
  }
  EXPECT_EQ(group_when(SYS_sendto, {3, 0, 0, 0, 0}, 0, 2), "@io");
  EXPECT_EQ(group_when(SYS_accept4, {}), "@io");
}

TEST(RightsTable, SplitsControls) {
  EXPECT_EQ(group_when(SYS_prctl, {15}), "@base");
  EXPECT_EQ(group_when(SYS_prctl, {0x53564d41}), "@base");
  EXPECT_EQ(group_when(SYS_prctl, {22}), "@privilege") << "PR_SET_SECCOMP";
  EXPECT_EQ(group_when(SYS_prctl, {15 + 64}), "@privilege");
  EXPECT_EQ(group_when(SYS_ioctl, {0, 0x5401}), "@io") << "TCGETS";
  EXPECT_EQ(group_when(SYS_ioctl, {0, 0x5421}), "@io") << "FIONBIO";
  EXPECT_EQ(group_when(SYS_ioctl, {0, 0x5412}), "@process") << "TIOCSTI";
  EXPECT_EQ(group_when(SYS_ioctl, {0, 0x100005412}), "@process") << "upper half is ignored by the kernel";
  EXPECT_EQ(group_when(SYS_ioctl, {0, 0x8901}), "@process") << "FIOSETOWN";
  EXPECT_EQ(group_when(SYS_ioctl, {0, 0x40049409}), "@fd-copy") << "FICLONE";
  EXPECT_EQ(group_when(SYS_ioctl, {0, 0x400454ca}), "@device") << "TUNSETIFF";
  EXPECT_EQ(group_when(SYS_fcntl, {0, 4}), "@io");
  EXPECT_EQ(group_when(SYS_fcntl, {0, 8}), "@process") << "F_SETOWN";
  EXPECT_EQ(group_when(SYS_fcntl, {0, 15}), "@process") << "F_SETOWN_EX";
  EXPECT_EQ(group_when(SYS_personality, {0xffffffff}), "@base");
  EXPECT_EQ(group_when(SYS_personality, {0x0400000}), "@memory-exec");
}

TEST(RightsTable, AsksForTheFamilyOnlyWhereItMatters) {
  const uint64_t no_address[6] = {3, 1, 1}, address[6] = {3, 1, 1, 0, 4096, 16};
  EXPECT_TRUE(needs_family(SYS_connect, address));
  EXPECT_TRUE(needs_family(SYS_bind, address));
  EXPECT_TRUE(needs_family(SYS_listen, address));
  EXPECT_TRUE(needs_family(SYS_sendto, address));
  EXPECT_FALSE(needs_family(SYS_sendto, no_address));
  for (uint32_t nr = 0; nr < 512; nr++)
    EXPECT_EQ(needs_family(nr, address), nr == SYS_connect || nr == SYS_bind || nr == SYS_listen || nr == SYS_sendto)
        << nr;
}

TEST(RightsTable, RulesFitTheLoop) {
  for (uint32_t nr = 0; nr < 512; nr++) {
    uint32_t count = 0;
    for (const lg_rule& rule : rules()) count += rule.nr == nr;
    EXPECT_LE(count, static_cast<uint32_t>(LG_RULES_PER_CALL));
    const uint32_t first = lg_first_rule(nr);
    EXPECT_EQ(first == LG_NO_RULE, count == 0) << nr;
    EXPECT_TRUE(count == 0 || lg_rules[first].nr == nr) << nr;
  }
  EXPECT_LT(LG_RULE_COUNT, LG_NO_RULE);
}

TEST(RightsTable, KnowsEveryAnswerOfACall) {
  EXPECT_THAT(rights_of_call(SYS_openat), ElementsAre(Right{LG_RIGHT_OPENAT_READ}, Right{LG_RIGHT_OPENAT_WRITE}));
  EXPECT_THAT(rights_of_call(SYS_kill), ElementsAre(Right{SYS_kill}, Right{LG_RIGHT_KILL_SELF}));
  EXPECT_THAT(rights_of_call(SYS_pidfd_open), ElementsAre(Right{SYS_pidfd_open}, Right{LG_RIGHT_PIDFD_OPEN_SELF}));
  EXPECT_THAT(rights_of_call(SYS_read), ElementsAre(Right{SYS_read}));
  EXPECT_THAT(rights_of_call(-1), ElementsAre(Right{LG_RIGHT_NO_CALL}));
}

TEST(RightsTable, SuggestsTheNearestName) {
  EXPECT_THAT(suggest("openat:wirte"), Optional(std::string("openat:write")));
  EXPECT_THAT(suggest("file-read"), Optional(std::string("@file-read")));
  EXPECT_THAT(suggest("@net_out"), Optional(std::string("@net-out")));
  EXPECT_FALSE(suggest("completely different"));
}

TEST(RightSet, AddsAndRemovesGroups) {
  RightSet set, other;
  EXPECT_TRUE(set.empty());
  set.add(LG_GROUP_EXEC);
  EXPECT_TRUE(set.has_all(LG_GROUP_EXEC));
  EXPECT_FALSE(set.has_all(LG_GROUP_PROCESS));
  EXPECT_THAT(set.rights(), ElementsAre(Right{SYS_execve}, Right{SYS_execveat}));
  other.add(Right{SYS_execve});
  set.remove(other);
  EXPECT_FALSE(set.has_all(LG_GROUP_EXEC));
  EXPECT_TRUE(set.has(Right{SYS_execveat}));
  set.add(other);
  EXPECT_TRUE(set.has_all(LG_GROUP_EXEC));
  RightSet kernel;
  kernel.add(LG_GROUP_KERNEL);
  EXPECT_TRUE(kernel.has(Right{400}));
  for (const Right right : kernel.rights()) EXPECT_EQ(find_right(right_name(right)), right);
}

}  // namespace
}  // namespace libguard
