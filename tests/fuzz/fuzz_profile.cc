// SPDX-License-Identifier: Apache-2.0
// Any text as a profile: an error with a hint, or a profile that survives writing, reading and merging with itself.
#include "core/profile/profile.h"
#include "tests/fuzz/input.h"

using libguard::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto profile = libguard::parse_profile({reinterpret_cast<const char*>(data), size}, "fuzz.json");
  if (!profile) {
    require(!profile.error().what.empty() && !profile.error().hint.empty(), "an error says what and what to do");
    require(profile.error().what.find('\n') == std::string::npos, "an error is one line");
    return 0;
  }
  auto again = libguard::parse_profile(to_json(*profile), "again.json");
  require(again.has_value(), "what was written can be read");
  require(*again == *profile, "it is the same");
  const libguard::Profile merged = merge(*profile, *profile);
  require(is_superset(merged, *profile), "merging loses nothing");
  return 0;
}
