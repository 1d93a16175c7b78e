// SPDX-License-Identifier: Apache-2.0
// What a profile says of a library, brought into the shape of a grant.
//
// Way:     profile -> *policy*.
// Thread:  pure functions.
// Failure: none.
#pragma once

#include <map>
#include <set>
#include <string>

#include "core/policy/policy.h"

namespace libguard {

class Learned {
 public:
  explicit Learned(const Profile* profile);  // null: nothing was learned

  // Rights of the library; without a version: of all its versions, and so for a version that was never seen. Rights
  // that are not dangerous are held in both phases. Dangerous ones: seen in serving, then in init too (a process only
  // ever loses them); seen in init only, then in init only, unless the recording never came to serving. What is judged
  // by the caller alone is held as caller alone.
  Grants grants(const std::string& library) const;
  // Direct callers for @exec or @process.
  std::set<std::string> functions(const std::string& library, lg_group group) const;
  std::set<std::string> names() const;  // libraries as seen, and without version

 private:
  std::map<std::string, Grants> grants_;  // as seen, and without version
  std::map<std::pair<std::string, lg_group>, std::set<std::string>> functions_;
};

}  // namespace libguard
