// SPDX-License-Identifier: Apache-2.0
// The check against the schemas: every finding says where, what and what would be right.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/event/format.h"

namespace libguard {
namespace {

using nlohmann::json;

struct Case {
  Format format;
  const char* document;
  const char* pointer;
  const char* what;
  const char* hint;
};

class FormatFinding : public testing::TestWithParam<Case> {};

TEST_P(FormatFinding, SaysWhereAndWhat) {
  const Case& given = GetParam();
  auto wrong = check_format(given.format, json::parse(given.document));
  ASSERT_TRUE(wrong) << given.document;
  EXPECT_EQ(wrong->pointer, given.pointer);
  EXPECT_EQ(wrong->what, given.what);
  EXPECT_EQ(wrong->hint, given.hint);
}

INSTANTIATE_TEST_SUITE_P(
    All, FormatFinding,
    testing::Values(
        Case{Format::kPolicy, R"({"version":1,"librarys":{}})", "", "unknown key 'librarys'",
             "did you mean 'libraries'?"},
        Case{Format::kPolicy, R"({"version":1,"libraries":{"pkg:pypi/a/b":{"grnt":[]}}})", "/libraries/pkg:pypi~1a~1b",
             "unknown key 'grnt'", "did you mean 'grant'?"},
        Case{Format::kPolicy, R"({"version":1,"libraries":{"x":{"grant":{"serving":{"caler":[]}}}}})",
             "/libraries/x/grant/serving", "unknown key 'caler'", "did you mean 'caller'?"},
        Case{Format::kPolicy, R"({"version":2})", "/version", "expected 1, got 2", "Version of this format: 1."},
        Case{Format::kPolicy, R"({})", "", "missing key 'version'", "add 'version: 1'"},
        Case{Format::kPolicy, R"({"version":1,"mode":"enforced"})", "/mode", "unknown value 'enforced'",
             "did you mean 'enforce'?"},
        Case{Format::kPolicy, R"({"version":1,"libraries":{"x":{"grant":"@exec"}}})", "/libraries/x/grant",
             "expected a list or a map, got @exec", "Replaces what the profile says of this library."},
        Case{Format::kPolicy, R"({"version":1,"profile":{"file":"a","sha256":"XYZ"}})", "/profile/sha256",
             "not a valid value: XYZ", "64 lower-case hex digits: the SHA-256 of the profile file."},
        Case{Format::kProfile,
             R"({"format":"libguard-profile","version":1,"libraries":{},"observations":[{"caller":"a","direct":"a",)"
             R"("libraries":[],"phase":"init","right":"execve","count":-1}]})",
             "/observations/0/count", "not a valid value: -1", "the format is printed by 'libguard policy schema'"}));

TEST(Format, PlaceText) {
  EXPECT_EQ(place_text("/observations/3/right"), "observations[3].right");
  EXPECT_EQ(place_text("/libraries/pkg:pypi~1x"), "libraries.pkg:pypi/x");
  EXPECT_EQ(place_text(""), "");
}

TEST(Format, Printable) {
  EXPECT_EQ(printable("a\tb\xffz ä€"), "a?b?z ä€");
  EXPECT_EQ(printable("\xed\xa0\x80"), "???");  // a surrogate is no character
  EXPECT_EQ(printable("abcdef", 3), "abc…");
}

TEST(Format, SyntaxErrorsNameFileAndPlace) {
  auto broken = parse_json("{\"a\":", "p.json");
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().what.find("p.json: no JSON: parse error at line 1"), std::string::npos);
  EXPECT_FALSE(parse_json("", "p.json"));
}

TEST(Format, DeepNestingIsNoDanger) {
  std::string deep(200000, '[');
  EXPECT_FALSE(parse_json(deep, "p.json"));
  auto closed = parse_json(deep + std::string(200000, ']'), "p.json");
  if (closed) {
    EXPECT_TRUE(check_format(Format::kPolicy, *closed));
  }
}

}  // namespace
}  // namespace libguard
