// SPDX-License-Identifier: Apache-2.0
// The parts of the one layout that others write too: one library's entry.
//
// Way:     profile -> *policy*, and the grant that an event proposes.
// Thread:  pure functions.
// Failure: none.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/policy/policy.h"

namespace libguard {

// `name: { grant: [...] }` on one line, whatever its length.
std::string entry_line(const std::string& name, const LibraryRules& rules);
// The same for the file: one line where it fits, else one per key; with its indentation and line ends.
std::string entry_block(const std::string& name, const LibraryRules& rules);

// System calls of a whitelist by name, sorted.
std::vector<std::string> call_names(const std::set<int>& calls);

// Grants in flow style: ["@file-write"] or { any: [...], caller: [...] }.
std::string grants_text(const Grants& grants, bool caller_implies_stack);

}  // namespace libguard
