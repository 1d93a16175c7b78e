// SPDX-License-Identifier: Apache-2.0
// Which kernels may pass a program over, by what they say of themselves.
#include "core/backend/bpf/preemption.h"

#include <gtest/gtest.h>

namespace libguard {
namespace {

constexpr const char* kDynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.117-1 (2026-09-01)";

TEST(Preemption, TheModeIsBelievedBeforeAnythingElse) {
  EXPECT_FALSE(is_preemptible({"6.12.1", kDynamic, "quiet preempt=full", "none (voluntary) full lazy \n"}));
  EXPECT_TRUE(is_preemptible({"6.12.1", kDynamic, "quiet preempt=none", "none voluntary (full)\n"}));
  EXPECT_TRUE(is_preemptible({"7.3.4", kDynamic, "", "full (lazy)"}));
  EXPECT_FALSE(is_preemptible({"6.1.0", kDynamic, "", "(none) voluntary full"}));
}

TEST(Preemption, ElseTheBootLine) {
  EXPECT_FALSE(is_preemptible({"6.12.1", kDynamic, "ro preempt=voluntary\n", ""}));
  EXPECT_FALSE(is_preemptible({"6.12.1", kDynamic, "preempt=full preempt=none", ""})) << "the last one holds";
  EXPECT_TRUE(is_preemptible({"6.12.1", kDynamic, "preempt=full", ""}));
  EXPECT_TRUE(is_preemptible({"6.12.1", kDynamic, "nopreempt=none", ""}));
}

TEST(Preemption, ElseTheVersionAndWhatCannotBeToldIs) {
  EXPECT_TRUE(is_preemptible({"6.12.1", kDynamic, "", ""}));
  EXPECT_TRUE(is_preemptible({"6.12.1", kDynamic, "", "garbage"}));
  EXPECT_TRUE(is_preemptible({"6.1.0", "#1 SMP PREEMPT_RT Debian", "", ""}));
  EXPECT_FALSE(is_preemptible({"5.19.0", "#1 SMP Debian", "", ""}));
  EXPECT_TRUE(is_preemptible({}));
}

TEST(Preemption, TracepointsSeeEveryCallWherePreemptionIsOffInThem) {
  EXPECT_TRUE(sees_every_call({"6.18.44", kDynamic, "", "none voluntary (full)"}));
  EXPECT_TRUE(sees_every_call({"6.1.0-56-amd64", kDynamic, "", ""}));
  EXPECT_FALSE(sees_every_call({"6.19.0", kDynamic, "", ""}));
  EXPECT_FALSE(sees_every_call({"7.3.4+deb13-amd64", kDynamic, "", "full (lazy)"}));
  EXPECT_TRUE(sees_every_call({"7.3.4+deb13-amd64", kDynamic, "", "(none) full"}));
  EXPECT_FALSE(sees_every_call({"?", "", "", ""}));
}

TEST(Preemption, ThisKernelSaysSomething) {
  EXPECT_FALSE(preemption_facts().release.empty());
  EXPECT_FALSE(preemption_facts().version.empty());
}

}  // namespace
}  // namespace libguard
