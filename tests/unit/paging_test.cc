// SPDX-License-Identifier: Apache-2.0
// On which machines pages of a program can be away for long, by what the kernel says.
#include "core/backend/bpf/paging.h"

#include <gtest/gtest.h>

namespace libguard {
namespace {

constexpr const char* kTitles = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

TEST(Paging, PagesGoAwayWhereThereIsAPlaceToSwapTo) {
  EXPECT_FALSE(pages_go_away({kTitles, "0\n"}));
  EXPECT_TRUE(pages_go_away({std::string(kTitles) + "/swap.img  file\t\t2097148\t\t0\t\t-2\n", "0\n"}));
}

TEST(Paging, AndWhereTheyAreTakenAwayToSeeWhoUsesThem) {
  EXPECT_TRUE(pages_go_away({kTitles, "1\n"}));
  EXPECT_TRUE(pages_go_away({kTitles, "2\n"}));
}

TEST(Paging, WhatCannotBeToldIsNo) { EXPECT_FALSE(pages_go_away({"", ""})); }

}  // namespace
}  // namespace libguard
