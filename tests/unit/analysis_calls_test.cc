// SPDX-License-Identifier: Apache-2.0
// Numbers of system calls, function by function, in code that compilers write.
#include <cctype>
#include <fstream>
#include <iterator>

#include "tests/unit/analysis_fixture.h"

namespace libguard {
namespace {

// "either_108_110" makes 108 and 110.
Numbers promised(std::string_view name) {
  Numbers set;
  for (size_t at = name.find('_'); at != std::string_view::npos; at = name.find('_', at + 1)) {
    std::string word(name.substr(at + 1, name.find('_', at + 1) - at - 1));
    if (!word.empty() && std::isdigit(static_cast<unsigned char>(word[0]))) set.insert(std::stoi(word));
  }
  return set;
}

TEST(AnalysisCalls, EveryFunctionMakesWhatItsNameSays) {
  Summary summary = summary_of(fixture("libanalysis_calls.so"));
  size_t checked = 0;
  for (size_t i = 0; i < summary.function_count(); i++) {
    std::string_view name = summary.name_at(summary.functions[i].name);
    if (promised(name).empty()) continue;
    EXPECT_EQ(calls_of(summary, name), promised(name)) << name;
    EXPECT_EQ(summary.functions[i].unresolved, summary.functions[i + 1].unresolved) << name;
    checked++;
  }
  EXPECT_EQ(checked, 17u);
}

TEST(AnalysisCalls, SaysWhatItDoesNotKnow) {
  Summary summary = summary_of(fixture("libanalysis_calls.so"));
  for (size_t i = 0; i < summary.function_count(); i++) {
    std::string_view name = summary.name_at(summary.functions[i].name);
    if (name == "from_memory") {
      ASSERT_EQ(summary.functions[i + 1].unresolved, summary.functions[i].unresolved + 1);
      EXPECT_EQ(summary.unresolved[summary.functions[i].unresolved].reason, SummaryUnresolved::kLoaded);
    }
    unsigned expected = name == "wrapper"         ? 1u << 7
                        : name == "outer_wrapper" ? 1u << 2
                        : name == "stack_wrapper" ? 1u << 16
                                                  : 0;
    EXPECT_EQ(summary.functions[i].wrapper_parameters, expected) << name;
  }
}

// Stripping takes names away, nothing else.
TEST(AnalysisCalls, SectionHeadersAreNotNeeded) {
  std::ifstream file(fixture("libanalysis_calls.so"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  ASSERT_GT(bytes.size(), 64u);
  for (size_t i = 0x28; i < 0x30; i++) bytes[i] = 0;  // e_shoff
  for (size_t i = 0x3c; i < 0x40; i++) bytes[i] = 0;  // e_shnum, e_shstrndx
  auto image = ElfImage::parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "stripped");
  ASSERT_TRUE(image) << image.error().what;
  Summary stripped = summarise(*image, {}), whole = summary_of(fixture("libanalysis_calls.so"));
  for (const char* name : {"plain_39", "through_stack_104", "by_table_39_102_104", "calls_wrapper_twice_102_104"})
    EXPECT_EQ(calls_of(stripped, name), calls_of(whole, name)) << name;
}

// The C library of this machine: relocations in all forms, versions, IFUNC, hand-written functions.
TEST(AnalysisCalls, LibcOfThisMachine) {
  Summary libc = summary_of("/lib/x86_64-linux-gnu/libc.so.6");
  EXPECT_EQ(libc.soname, "libc.so.6");
  EXPECT_TRUE(libc.has_versions);
  EXPECT_GT(libc.function_count(), 3000u);
  EXPECT_GT(libc.pointers.size(), 500u);
  EXPECT_GT(libc.resolvers.size(), 50u);
  EXPECT_EQ(calls_of(libc, "getpid"), Numbers{39});
  EXPECT_EQ(calls_of(libc, "execve"), Numbers{59});
  EXPECT_TRUE(calls_of(libc, "clone").count(56));
  EXPECT_TRUE(calls_of(libc, "read").count(0));
  size_t unknown = 0;
  for (const SummaryUnresolved& site : libc.unresolved) unknown += site.reason != SummaryUnresolved::kLoaded;
  EXPECT_EQ(unknown, 0u);
  EXPECT_EQ(libc.unresolved.size(), 2u);  // the broadcast of set*id
}

}  // namespace
}  // namespace libguard
