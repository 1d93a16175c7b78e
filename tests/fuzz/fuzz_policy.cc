// SPDX-License-Identifier: Apache-2.0
// Any text as a policy: an error with a hint, or a policy that says the same after it was written and read again.
#include "core/policy/policy.h"
#include "tests/fuzz/input.h"

using libguard::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto policy = libguard::parse_policy({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  if (!policy) {
    require(!policy.error().what.empty() && !policy.error().hint.empty(), "an error says what and what to do");
    require(policy.error().what.find('\n') == std::string::npos, "an error is one line");
    return 0;
  }
  for (const std::string& text : {to_yaml(*policy), to_json(*policy)}) {
    auto again = libguard::parse_policy(text, "again.yaml");
    require(again.has_value(), "what was written can be read");
    require(same_meaning(*policy, *again), "it says the same");
  }
  return 0;
}
