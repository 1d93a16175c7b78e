// SPDX-License-Identifier: Apache-2.0
// Formats: the three JSON Schemas of docs/formats, built into the binary, and the check of a document against them.
//
// Way:     every profile, policy and event that is read passes here first.
// Thread:  pure functions; the compiled schemas are made once.
// Failure: FormatError says where (JSON pointer), what is wrong and what would be right.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace libguard {

enum class Format { kEvent, kProfile, kPolicy };

std::string_view schema_text(Format format);  // docs/formats/*.schema.json

struct FormatError {
  std::string pointer;  // "/libraries/pkg:pypi~1x/grant", "" is the whole document
  std::string what;     // "unknown key 'grnt'"
  std::string hint;     // "did you mean 'grant'?"
  std::string key;      // the key that does not belong there, if that is the fault
};
std::optional<FormatError> check_format(Format format, const nlohmann::json& document);

// For people: "/observations/3/right" -> "observations[3].right".
std::string place_text(const std::string& pointer);

// Syntax only. `name` is the file, for messages.
Result<nlohmann::json> parse_json(std::string_view text, std::string_view name);

// Text for one line of a terminal or a comment: control characters and broken UTF-8 become '?', long text is cut.
std::string printable(std::string_view text, size_t limit = 4096);

}  // namespace libguard
