// SPDX-License-Identifier: Apache-2.0
// Package URLs: reading, writing, normal names.
#include <gtest/gtest.h>

#include "core/library/purl.h"

namespace libguard {
namespace {

std::string canonical(std::string_view text) {
  auto purl = parse_purl(text);
  return purl ? purl->text() : "error: " + purl.error().what;
}

// From the specification's own examples.
TEST(Purl, CanonicalForms) {
  EXPECT_EQ(canonical("pkg:pypi/requests@2.31.0"), "pkg:pypi/requests@2.31.0");
  EXPECT_EQ(canonical("pkg:PyPI/Django_package@1.11.1.dev1"), "pkg:pypi/django-package@1.11.1.dev1");
  EXPECT_EQ(canonical("pkg:pypi/zope.interface"), "pkg:pypi/zope-interface");
  EXPECT_EQ(canonical("pkg://maven/org.apache.commons/io@1.3.4"), "pkg:maven/org.apache.commons/io@1.3.4");
  EXPECT_EQ(canonical("pkg:deb/debian/curl@7.50.3-1?arch=i386"), "pkg:deb/debian/curl@7.50.3-1");
  EXPECT_EQ(canonical("pkg:deb/debian/attr@1:2.4.47-2%2Bb1"), "pkg:deb/debian/attr@1:2.4.47-2%2Bb1");
  EXPECT_EQ(canonical("pkg:npm/%40angular/animation@12.3.1"), "pkg:npm/%40angular/animation@12.3.1");
  EXPECT_EQ(canonical("pkg:golang/google.golang.org/genproto#googleapis/api"), "pkg:golang/google.golang.org/genproto");
  EXPECT_EQ(canonical("pkg:generic/a%2fb@1"), "pkg:generic/a%2Fb@1");
}

TEST(Purl, Parts) {
  auto purl = parse_purl("pkg:maven/org.apache/log4j@2.0");
  ASSERT_TRUE(purl);
  EXPECT_EQ(purl->type, "maven");
  EXPECT_EQ(purl->name_space, "org.apache");
  EXPECT_EQ(purl->name, "log4j");
  EXPECT_EQ(purl->version, "2.0");
  EXPECT_EQ(purl->without_version(), "pkg:maven/org.apache/log4j");
}

TEST(Purl, ErrorsHaveHints) {
  for (const char* text : {"", "requests", "pkg:", "pkg:pypi", "pkg:pypi/", "pkg:/requests", "pkg:py pi/x", "pkg:3p/x",
                           "pkg:pypi/%zz", "pkg:pypi/a@%4", "pkg:pypi/@1"}) {
    auto purl = parse_purl(text);
    ASSERT_FALSE(purl) << text;
    EXPECT_NE(purl.error().hint, "") << text;
  }
}

TEST(Purl, PypiNames) {
  EXPECT_EQ(make_pypi_purl("Foo._-Bar__baz", "1.0+local").text(), "pkg:pypi/foo-bar-baz@1.0%2Blocal");
  EXPECT_EQ(make_pypi_purl("x", "").text(), "pkg:pypi/x");
}

TEST(Purl, RoundTrip) {
  for (const char* version : {"1", "1:2~3+4", "v/w", "é", "a@b#c?d%"}) {
    Purl purl{"generic", "a/b", "na me", version};
    auto again = parse_purl(purl.text());
    ASSERT_TRUE(again) << purl.text();
    EXPECT_EQ(again->version, version);
    EXPECT_EQ(again->name, "na me");
    EXPECT_EQ(again->name_space, "a/b");
  }
}

TEST(Purl, StripVersion) {
  EXPECT_EQ(strip_version("pkg:pypi/requests@2.31.0"), "pkg:pypi/requests");
  EXPECT_EQ(strip_version("pkg:pypi/requests"), "pkg:pypi/requests");
  EXPECT_EQ(strip_version("pkg:npm/%40a/b@1"), "pkg:npm/%40a/b");
  EXPECT_EQ(strip_version("application"), "application");
  EXPECT_EQ(strip_version("some@thing"), "some@thing");
}

}  // namespace
}  // namespace libguard
