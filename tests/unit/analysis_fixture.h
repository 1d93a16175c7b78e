// SPDX-License-Identifier: Apache-2.0
// Where the analysed files are, and short questions about summaries.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/analysis/analysis.h"
#include "core/analysis/elf_image.h"

namespace libguard {

inline std::string fixture(const std::string& name) { return std::string(ANALYSIS_FILES) + "/" + name; }

using Numbers = std::set<int>;

inline Numbers numbers(const CallSet& calls) {
  Numbers set;
  for (size_t i = 0; i < calls.size(); i++)
    if (calls.test(i)) set.insert(static_cast<int>(i));
  return set;
}

// The calls that one function makes itself.
inline Numbers calls_of(const Summary& summary, std::string_view function) {
  for (size_t i = 0; i < summary.function_count(); i++) {
    if (summary.name_at(summary.functions[i].name) != function) continue;
    auto first = summary.calls.begin() + summary.functions[i].calls;
    return Numbers(first, summary.calls.begin() + summary.functions[i + 1].calls);
  }
  ADD_FAILURE() << "no function " << function;
  return {};
}

inline Summary summary_of(const std::string& path) {
  auto image = ElfImage::open(path, path);
  if (!image) {
    ADD_FAILURE() << image.error().what;
    return {};
  }
  return summarise(*image, {{"syscall", 7}});
}

}  // namespace libguard
