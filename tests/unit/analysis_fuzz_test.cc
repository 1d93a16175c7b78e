// SPDX-License-Identifier: Apache-2.0
// Damaged ELF files and summaries: one line, or an answer; never a crash, never a hang.
#include <fstream>
#include <iterator>
#include <random>

#include "tests/unit/analysis_fixture.h"

namespace libguard {
namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// True if it was read as far as a summary.
bool try_file(const std::string& bytes) {
  auto image = ElfImage::parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "damaged");
  if (!image) {
    EXPECT_EQ(image.error().what.find('\n'), std::string::npos);
    EXPECT_EQ(image.error().what.rfind("damaged", 0), 0u) << image.error().what;
    EXPECT_FALSE(image.error().hint.empty());
    return false;
  }
  Summary summary = summarise(*image, {{"syscall", 7}});
  EXPECT_TRUE(Summary::parse(summary.serialise()));  // whatever it is, its indices are sound
  return true;
}

TEST(AnalysisFuzz, TruncatedFiles) {
  std::string bytes = content(fixture("libanalysis_library.so"));
  ASSERT_GT(bytes.size(), 4096u);
  size_t refused = 0, tried = 0;
  for (size_t size = 0; size < bytes.size(); size += size < 1024 ? 7 : 211, tried++)
    refused += !try_file(bytes.substr(0, size));
  EXPECT_GT(refused, tried / 4);
}

TEST(AnalysisFuzz, ChangedBytes) {
  std::mt19937_64 random(5);
  for (const char* name : {"libanalysis_library.so", "analysis_program"}) {
    std::string whole = content(fixture(name));
    int accepted = 0;
    constexpr int kRounds = 1500;
    for (int round = 0; round < kRounds; round++) {
      std::string bytes = whole;
      // Headers and tables lie in front; half of the changes hit them.
      size_t reach = round % 2 == 0 ? std::min<size_t>(bytes.size(), 2048) : bytes.size();
      for (int changes = static_cast<int>(random() % 8); changes >= 0; changes--) {
        size_t place = random() % reach;
        static constexpr uint64_t kSpecial[] = {0,         1, 0x7f, 0xff, 0x7fffffffffffffff, ~0ull, 0x8000000000000000,
                                                0xffffffff};
        uint64_t word = random() % 2 == 0 ? kSpecial[random() % 8] : random();
        size_t width = size_t{1} << random() % 4;
        for (size_t i = 0; i < width && place + i < bytes.size(); i++)
          bytes[place + i] = static_cast<char>(word >> (8 * i));
      }
      accepted += try_file(bytes);
    }
    EXPECT_GT(accepted, kRounds / 10) << name;
    EXPECT_LT(accepted, kRounds) << name;
  }
}

TEST(AnalysisFuzz, DamagedFrameTables) {
  std::string whole = content(fixture("libanalysis_library.so"));
  auto image = ElfImage::parse({reinterpret_cast<const uint8_t*>(whole.data()), whole.size()}, "whole");
  ASSERT_TRUE(image);
  Bytes table = image->at(image->eh_frame);
  ASSERT_FALSE(table.empty());
  size_t offset = static_cast<size_t>(table.data() - reinterpret_cast<const uint8_t*>(whole.data()));
  std::mt19937_64 random(6);
  int accepted = 0;
  for (int round = 0; round < 1000; round++) {
    std::string bytes = whole;
    for (int changes = static_cast<int>(random() % 4); changes >= 0; changes--)
      bytes[offset + random() % std::min<size_t>(table.size(), 600)] = static_cast<char>(random());
    accepted += try_file(bytes);
  }
  EXPECT_EQ(accepted, 1000);  // a broken frame table is no reason to refuse a file
}

TEST(AnalysisFuzz, DamagedSummaries) {
  std::string bytes = summary_of(fixture("libanalysis_library.so")).serialise();
  ASSERT_TRUE(Summary::parse(bytes));
  std::mt19937_64 random(7);
  for (int round = 0; round < 20000; round++) {
    std::string damaged = bytes;
    if (round % 3 == 0)
      damaged.resize(random() % bytes.size());
    else
      damaged[random() % bytes.size()] ^= static_cast<char>(1u << random() % 8);
    EXPECT_FALSE(Summary::parse(damaged)) << round;
  }
}

}  // namespace
}  // namespace libguard
