// SPDX-License-Identifier: Apache-2.0
// Random profiles that look like recordings, and random damage to texts.
//
// Way:     tests of profiles and policies.
// Thread:  one generator per test.
// Failure: none.
#pragma once

#include <random>
#include <string>

#include "core/profile/profile.h"

namespace libguard {

class RandomProfile {
 public:
  explicit RandomProfile(unsigned seed) : random_(seed) {}

  // `holdable`: only what some grant can allow (no unknown or startup code, no runtime as caller).
  Profile make(int observations, bool holdable = false) {
    Profile profile;
    profile.target.command = {"python3", "app.py"};
    profile.target.kernel = below(2) ? "6.1" : "6.12";
    profile.target.runtimes = {below(2) ? "cpython 3.11.2" : "cpython 3.12.1"};
    for (unsigned i = below(4); i > 0; i--)
      profile.code["/bin/p" + std::to_string(below(2))].insert("/lib/" + std::to_string(below(5)));
    profile.target.everyday = below(2) != 0;
    for (unsigned i = below(3); i > 0; i--) profile.target.masters.push_back("m" + std::to_string(i));
    for (unsigned i = below(3); i > 0; i--) profile.target.data.push_back("d" + std::to_string(i));
    profile.completeness["unknown_frames"] = below(3);
    profile.runs.push_back({"2026-01-0" + std::to_string(1 + below(9)) + "T00:00:00Z", 1.5, below(1000), "0.1.0"});
    for (int i = 0; i < observations; i++) profile.observations.push_back(observation(holdable));
    profile.derive();
    return profile.observations.empty() ? profile : deduplicated(profile);
  }

 private:
  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

  std::string library(bool holdable) {
    unsigned pick = below(holdable ? 14 : 17);
    if (pick == 0) return "application";
    if (pick == 14) return "unknown";
    if (pick >= 15) return "startup";
    if (pick == 13) return "pkg:deb/debian/git";
    return "pkg:pypi/lib" + std::to_string(pick) + "@" + std::to_string(1 + below(2)) + ".0";
  }

  std::vector<std::string> libraries(bool holdable, unsigned limit) {
    std::vector<std::string> names;
    for (unsigned i = below(limit); i > 0; i--) names.push_back(library(holdable));
    if (below(2)) names.emplace_back("runtime");
    return names;
  }

  Observation observation(bool holdable) {
    static const std::vector<Right> kRights = all_rights();
    Observation seen;
    seen.right = kRights[random_() % kRights.size()];
    if (below(4) == 0) seen.right = *find_right(below(2) ? "execve" : "connect");
    seen.caller = library(holdable);
    if (!holdable && below(8) == 0) seen.caller = "runtime";
    seen.libraries = libraries(holdable, 5);
    seen.libraries.push_back(seen.caller);
    seen.spawners = libraries(holdable, 3);
    seen.phase = below(2) ? Phase::kInit : Phase::kServing;
    seen.program = below(2) ? "/usr/bin/python3.11" : "/usr/bin/git";
    seen.count = below(100);
    bool direct_runtime = below(2) || !seen.caller.compare("runtime");
    std::string function = "f" + std::to_string(below(6)) + ".run";
    seen.direct = direct_runtime ? "runtime subprocess.Popen" : seen.caller + " " + function;
    if (!direct_runtime) seen.direct_function = below(10) ? function : std::string(kProgramFunction);
    if (below(5))
      seen.stack = {(direct_runtime ? "runtime|subprocess.Popen" : seen.caller + "|" + function),
                    "application|app.main"};
    return seen;
  }

  static Profile deduplicated(const Profile& profile) { return merge(profile, Profile{}); }

  std::mt19937 random_;
};

// A few random edits: bytes changed, cut, doubled, the end cut off.
inline std::string mutate(std::string text, std::mt19937& random) {
  for (unsigned edit = 1 + static_cast<unsigned>(random() % 4); edit > 0 && !text.empty(); edit--) {
    size_t place = random() % text.size();
    switch (random() % 5) {
      case 0:
        text[place] = static_cast<char>(random());
        break;
      case 1:
        text.erase(place, random() % 20);
        break;
      case 2:
        text.insert(place, text.substr(random() % text.size(), random() % 60));
        break;
      case 3:
        text[place] = "{}[]\",:&*|>'#@!%-\n\t "[random() % 20];
        break;
      default:
        text.resize(place);
    }
  }
  return text;
}

}  // namespace libguard
