// SPDX-License-Identifier: Apache-2.0
// Parsers of foreign text on damaged inputs: they answer, and what they accept is sound.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "core/library/distributions.h"
#include "core/library/purl.h"
#include "core/library/start_lines.h"
#include "core/library/tree.h"

namespace libguard {
namespace {

constexpr int kRounds = 20000;

// A seed with a few bytes changed, cut, doubled or replaced by ones that the parsers look at.
std::string damaged(const std::string& seed, std::mt19937& random) {
  static constexpr char kSpecial[] = "\0\n\r\"',/%@?#:{}[]()=\\.-_ \xff";
  std::string text = seed;
  for (int changes = static_cast<int>(random() % 6); changes >= 0; changes--) {
    size_t place = text.empty() ? 0 : random() % text.size();
    char byte = random() % 2 == 0 ? kSpecial[random() % (sizeof kSpecial - 1)] : static_cast<char>(random());
    switch (random() % 4) {
      case 0:
        text.insert(place, 1, byte);
        break;
      case 1:
        text.erase(place, random() % 8);
        break;
      case 2:
        text += text.substr(place, random() % 16);
        break;
      default:
        if (!text.empty()) text[place] = byte;
    }
  }
  return text;
}

TEST(LibraryFuzz, PurlsAreStable) {
  std::mt19937 random(1);
  int accepted = 0;
  for (int i = 0; i < kRounds; i++) {
    auto purl = parse_purl(damaged("pkg:deb/debian/zlib1g@1:1.2.13%2Bdfsg?arch=amd64#x", random));
    if (!purl) continue;
    accepted++;
    auto again = parse_purl(purl->text());
    ASSERT_TRUE(again) << purl->text();
    EXPECT_EQ(again->text(), purl->text());
  }
  EXPECT_GT(accepted, kRounds / 10);
}

TEST(LibraryFuzz, RecordsAndFinders) {
  std::mt19937 random(2);
  size_t paths = 0, pairs = 0;
  for (int i = 0; i < kRounds; i++) {
    std::string record =
        damaged("a/b.py,sha256=x,1\n\"q\"\"x,y.py\",,\n../../../bin/t,,\r\na-1.dist-info/RECORD,,\n", random);
    RecordReader reader(record);
    for (std::string_view path; reader.next(path); paths++) EXPECT_FALSE(path.empty());
    pairs += finder_mapping(damaged("import x\nMAPPING = {'a': '/b', \"c\": '/d'}\nN = 1\n", random)).size();
  }
  EXPECT_GT(paths, static_cast<size_t>(kRounds));
  EXPECT_GT(pairs, static_cast<size_t>(kRounds) / 10);
}

TEST(LibraryFuzz, StartLinesHoldLiteralsOnly) {
  std::mt19937 random(3);
  const std::string seed =
      "from multiprocessing.forkserver import main; main(5, 6, ['a', 'b'], **{'k': [\"x\"], 'n': None})";
  for (int i = 0; i < kRounds; i++) {
    std::string line = damaged(seed, random);
    if (!is_multiprocessing_start_line(line)) continue;
    EXPECT_TRUE(line.starts_with("from multiprocessing.forkserver import main; main(")) << line;
    EXPECT_EQ(line.find('\n', 0) == std::string::npos || line.find('\n') == line.size() - 1, true) << line;
  }
  EXPECT_FALSE(is_multiprocessing_start_line("from multiprocessing.forkserver import main; main(1, 2, " +
                                             std::string(100000, '[') + ", **{})"));
}

TEST(LibraryFuzz, NormalPathsStayNormal) {
  std::mt19937 random(4);
  for (int i = 0; i < kRounds; i++) {
    std::string path = normal_path(damaged("/usr/./lib/../x//y.zip/../..", random));
    if (path.empty()) continue;
    EXPECT_EQ(normal_path(path), path);
    EXPECT_EQ((path + "/").find("/../"), std::string::npos) << path;
  }
}

}  // namespace
}  // namespace libguard
