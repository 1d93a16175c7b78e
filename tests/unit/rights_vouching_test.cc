// SPDX-License-Identifier: Apache-2.0
// The vouching table: who makes which dangerous call for others, and who must not.
#include <gtest/gtest.h>

#include "core/rights/rights.h"
#include "core/rights/vouching.h"

namespace libguard {
namespace {

bool vouches(std::string_view module, lg_group group) {
  return vouching_of(module) & lg_vouching_bit(static_cast<uint8_t>(group));
}

TEST(Vouching, NamesTheModulesThatCall) {
  EXPECT_TRUE(vouches("subprocess", LG_GROUP_EXEC));
  EXPECT_TRUE(vouches("subprocess", LG_GROUP_PROCESS));
  EXPECT_FALSE(vouches("subprocess", LG_GROUP_NET_OUT));
  EXPECT_TRUE(vouches("socket", LG_GROUP_NET_OUT));
  EXPECT_FALSE(vouches("socket", LG_GROUP_EXEC));
  EXPECT_TRUE(vouches("http.server", LG_GROUP_EXEC));
  EXPECT_TRUE(vouches("asyncio.unix_events", LG_GROUP_PROCESS));
  EXPECT_TRUE(vouches("multiprocessing.popen_fork", LG_GROUP_PROCESS));
  EXPECT_TRUE(vouches("os", LG_GROUP_CHILD_POISON));
  EXPECT_TRUE(vouches("ctypes.util", LG_GROUP_NATIVE_LOAD));
  EXPECT_TRUE(vouches("cProfile", LG_GROUP_TRACE_HOOK));
}

TEST(Vouching, NobodyElseVouches) {
  for (const char* module : {"signal", "weakref", "ftplib", "selectors", "functools", "json.decoder", "sqlite3",
                             "subprocessor", "socket2", ""})
    for (int group = LG_GROUP_NET_OUT; group < LG_GROUPS; group++)
      EXPECT_EQ(vouches(module, static_cast<lg_group>(group)), group == LG_GROUP_OBJECT_THEFT) << module << group;
}

TEST(Vouching, TrampolinesVouchForNothing) {
  for (const char* module : {"asyncio.events", "asyncio.runners", "asyncio.threads", "concurrent.futures",
                             "concurrent.futures.thread", "multiprocessing.pool", "multiprocessing.process"}) {
    EXPECT_TRUE(is_trampoline(module)) << module;
    EXPECT_EQ(vouching_of(module), LG_VOUCH_TRAMPOLINE) << module;
  }
  EXPECT_FALSE(is_trampoline("asyncio.eventsource"));
  EXPECT_FALSE(is_trampoline("concurrent"));
}

TEST(Vouching, MarksTheImportMachinery) {
  for (const char* module : {"importlib._bootstrap", "_frozen_importlib_external", "runpy", "zipimport"})
    EXPECT_TRUE(vouching_of(module) & LG_VOUCH_IMPORT) << module;
  EXPECT_TRUE(vouches("importlib._bootstrap", LG_GROUP_NATIVE_LOAD));
  EXPECT_FALSE(vouches("runpy", LG_GROUP_NATIVE_LOAD));
  EXPECT_FALSE(vouches("_frozen_importlib_external", LG_GROUP_NATIVE_LOAD));
  EXPECT_FALSE(vouching_of("importlib.resources") & LG_VOUCH_IMPORT);
  EXPECT_FALSE(vouching_of("importlib.metadata") & LG_VOUCH_IMPORT);
}

TEST(Vouching, BitsFitBelowTheImportMark) {
  for (int group = LG_GROUP_NET_OUT; group < LG_GROUPS; group++)
    EXPECT_LT(lg_vouching_bit(static_cast<uint8_t>(group)), LG_VOUCH_IMPORT);
  EXPECT_EQ(lg_vouching_bit(LG_GROUP_NET_IN), 0);
}

}  // namespace
}  // namespace libguard
