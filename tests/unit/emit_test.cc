// SPDX-License-Identifier: Apache-2.0
// Reports: golden text, JSON and CSV; what the heatmap must and must not contain.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "core/base/file.h"
#include "core/emit/report.h"
#include "core/emit/sample.h"
#include "core/emit/view.h"
#include "tests/unit/emit_sample_profile.h"

namespace libguard {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// With LIBGUARD_GOLDEN=write the files are rewritten; read the difference before committing it.
void expect_golden(const std::string& name, const std::string& text) {
  std::string path = std::string(GOLDEN_DIR) + "/" + name;
  const char* how = std::getenv("LIBGUARD_GOLDEN");
  if (how != nullptr && std::string(how) == "write") {
    ASSERT_TRUE(write_file_atomically(path, text));
  }
  Result<std::string> golden = read_file(path);
  ASSERT_TRUE(golden) << golden.error().what;
  EXPECT_EQ(*golden, text) << path;
}

ReportInput small_input(const Profile& profile) { return {profile, nullptr, small_events(), "shop.profile.json"}; }

nlohmann::json page_data(const std::string& page) {
  const std::string start = "<script id=\"data\" type=\"application/json\">";
  size_t from = page.find(start) + start.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

TEST(Emit, TextIsGolden) {
  Profile profile = small_profile();
  auto text = render_text(small_input(profile));
  ASSERT_TRUE(text);
  expect_golden("small.txt", *text);
}

TEST(Emit, JsonIsGolden) {
  Profile profile = small_profile();
  auto json = render_json(small_input(profile));
  ASSERT_TRUE(json);
  expect_golden("small.json", *json);
}

TEST(Emit, CsvIsGolden) {
  Profile profile = small_profile();
  auto csv = render_csv(small_input(profile));
  ASSERT_TRUE(csv);
  expect_golden("small.csv", *csv);
}

TEST(Emit, ViewCountsACallOncePerLibrary) {
  Profile profile = small_profile();
  View view = make_view(small_input(profile));
  const Row& requests = view.rows[row_of(view, "pkg:pypi/requests@2.31.0")];
  const Cell& connects = requests.cells.at({*find_right("connect"), Phase::kServing});
  EXPECT_EQ(connects.count, (std::array<uint64_t, 3>{0, 41, 0}));
  const Row& deploy = view.rows[row_of(view, "pkg:pypi/deploytool@1.2.0")];
  EXPECT_EQ(deploy.cells.at({*find_right("connect"), Phase::kInit}).count, (std::array<uint64_t, 3>{0, 0, 3}));
  EXPECT_EQ(deploy.cells.at({*find_right("execve"), Phase::kInit}).count, (std::array<uint64_t, 3>{2, 0, 0}));
}

TEST(Emit, DangerousGroupsComeFirst) {
  Profile profile = small_profile();
  View view = make_view(small_input(profile));
  EXPECT_EQ(view.groups.size(), size_t{LG_GROUPS});
  EXPECT_TRUE(std::is_partitioned(view.groups.begin(), view.groups.end(), is_dangerous));
  EXPECT_EQ(view.groups.back(), LG_GROUP_BASE);
}

TEST(Emit, EventsAreMergedById) {
  Profile profile = small_profile();
  View view = make_view(small_input(profile));
  ASSERT_EQ(view.events.size(), 2u);
  EXPECT_EQ(view.events[0].event.count, 10u);
  EXPECT_EQ(view.events_left_out, 1u);
  EXPECT_NO_FATAL_FAILURE(row_of(view, "pkg:pypi/simple-library@0.1.0"));  // a row though never recorded
}

TEST(Emit, PolicySaysWhatItWouldRefuse) {
  Profile profile = small_profile();
  auto policy = parse_policy(
      "version: 1\nmode: enforce\ndefaults: [\"@base\", \"@io\", \"@code-map\", \"@file-read\"]\n"
      "libraries:\n  application: { grant: [\"@net-out\", \"@exec\", \"@native-load\"] }\n"
      "  pkg:pypi/deploytool: { grant: [\"@exec\"] }\n  pkg:pypi/urllib3: { grant: [\"@net-out\"] }\n",
      "policy.yaml");
  ASSERT_TRUE(policy) << policy.error().what;
  auto rules = Rules::compile(*policy, nullptr);
  ASSERT_TRUE(rules) << rules.error().what;
  View view = make_view({profile, &*rules, {}, "t"});
  auto denied = [&](const char* purl, const char* right, Phase phase) {
    return view.rows[row_of(view, purl)].cells.at({*find_right(right), phase}).any_denied();
  };
  EXPECT_FALSE(denied("pkg:pypi/urllib3@2.2.2", "connect", Phase::kServing));
  EXPECT_TRUE(denied("pkg:pypi/urllib3@2.2.2", "py:import.extension", Phase::kInit));
  EXPECT_TRUE(denied("pkg:pypi/requests@2.31.0", "connect", Phase::kServing));
  EXPECT_FALSE(denied("application", "connect", Phase::kServing));
  EXPECT_FALSE(denied("pkg:pypi/deploytool@1.2.0", "execve", Phase::kInit));
  EXPECT_TRUE(denied("pkg:pypi/deploytool@1.2.0", "connect", Phase::kInit));  // spawned git
  EXPECT_FALSE(denied("runtime", "connect", Phase::kServing));                // transparent
}

TEST(Emit, JsonFitsItsSchema) {
  Profile profile = small_profile();
  auto text = render_json(small_input(profile));
  ASSERT_TRUE(text);
  auto schema_text = read_file(REPORT_SCHEMA);
  ASSERT_TRUE(schema_text);
  nlohmann::json schema_json = nlohmann::json::parse(*schema_text), report = nlohmann::json::parse(*text);
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json), schema);
  valijson::Validator validator;
  EXPECT_TRUE(validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(report), nullptr));
  report["libraries"][0]["cells"][0]["phase"] = "later";
  EXPECT_FALSE(validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(report), nullptr));
}

TEST(Heatmap, IsSelfContained) {
  Profile profile = small_profile();
  auto page = render_heatmap(small_input(profile));
  ASSERT_TRUE(page);
  EXPECT_THAT(*page, HasSubstr("default-src 'none'"));
  for (const char* forbidden : {"http:", "https:", "src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest"})
    EXPECT_THAT(*page, Not(HasSubstr(forbidden)));
  EXPECT_THAT(*page, Not(HasSubstr("libguard:data-->")));
  EXPECT_THAT(*page, Not(HasSubstr("/*libguard:")));
}

TEST(Heatmap, HostileNamesStayText) {
  Profile profile = small_profile();
  std::string evil = "pkg:pypi/</script><script>alert(1)</script>&\"<!--libguard:data-->";
  profile.observations[0].caller = evil;
  profile.observations[0].stack[0] = evil + "|</script>";
  auto page = render_heatmap({profile, nullptr, {}, "<b>title</b>"});
  ASSERT_TRUE(page);
  EXPECT_THAT(*page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(*page, Not(HasSubstr("<b>title")));
  bool found = false;
  nlohmann::json data = page_data(*page);
  for (const auto& library : data["libraries"]) found = found || library["purl"] == evil;
  EXPECT_TRUE(found);
}

TEST(Heatmap, NamesThatAreNotUtf8AreAnErrorWithAHint) {
  Profile profile = small_profile();
  profile.observations[0].caller = "pkg:pypi/\xff";
  for (auto render : {render_heatmap, render_json}) {
    auto page = render({profile, nullptr, {}, "t"});
    ASSERT_FALSE(page);
    EXPECT_FALSE(page.error().hint.empty());
  }
}

TEST(Heatmap, FortyLibrariesFitInto150kB) {
  Profile profile = large_profile(40);
  auto page = render_heatmap({profile, nullptr, {}, "large"});
  ASSERT_TRUE(page);
  EXPECT_LE(page->size(), 150000u);
}

TEST(Heatmap, SamplesKeepTheBudgetAndTheDangerousFirst) {
  Profile profile = large_profile(40);
  View view = make_view({profile, nullptr, {}, "large"});
  std::vector<size_t> tight = choose_samples(profile, view, 4000), wide = choose_samples(profile, view, 1u << 30);
  ASSERT_FALSE(tight.empty());
  EXPECT_LT(tight.size(), wide.size());
  for (size_t index : tight) EXPECT_TRUE(is_dangerous(group_of(profile.observations[index].right)));
  EXPECT_TRUE(choose_samples(profile, view, 0).empty());
}

}  // namespace
}  // namespace libguard
