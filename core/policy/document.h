// SPDX-License-Identifier: Apache-2.0
// Document: a YAML or JSON text as JSON values that know their lines and comments.
//
// Way:     a policy file -> *document* -> schema -> policy.
// Thread:  plain value.
// Failure: syntax errors, double keys, endless aliases and deep nesting are Errors with file and line.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace libguard {

struct Document {
  nlohmann::json root;
  std::map<std::string, int> lines;  // JSON pointer -> line, from 1
  // "policy.yaml:12" for the value at the pointer, or for the nearest one around it.
  std::string place(const std::string& name, const std::string& pointer) const;
};

Result<Document> parse_document(std::string_view text, const std::string& name);

// Comment lines (with their '#') by the place of the key below them, as in Policy::comments.
std::map<std::string, std::vector<std::string>> collect_comments(std::string_view text, const Document& document);

}  // namespace libguard
