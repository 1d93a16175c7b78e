// SPDX-License-Identifier: Apache-2.0
// A scanner for argument lists of literals: no name but keywords before '=', no call, no attribute.
//
// Way:     see start_lines.h.
// Thread:  pure function.
// Failure: see start_lines.h.
#include "core/start_lines.h"

#include <cctype>

namespace libguard {
namespace {

bool take(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_string(std::string_view& text) {
  char quote = text.front();
  for (size_t i = 1; i < text.size(); i++) {
    if (text[i] == '\\') {
      i++;
    } else if (text[i] == quote) {
      text.remove_prefix(i + 1);
      return true;
    } else if (text[i] == '\n') {
      return false;
    }
  }
  return false;
}

// A word is True, False, None, a number, or a keyword followed by '='.
bool take_word(std::string_view& text) {
  size_t end = 0;
  while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) end++;
  std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  if (word == "True" || word == "False" || word == "None") return true;
  bool number = word.find_first_not_of("0123456789") == std::string_view::npos;
  return number || (!text.empty() && text.front() == '=');
}

// Everything up to the closing parenthesis, which must be the end of the text.
bool only_literals(std::string_view text) {
  while (!text.empty()) {
    char c = text.front();
    if (c == ')') return text.size() == 1;
    if (c == '\'' || c == '"') {
      if (!take_string(text)) return false;
    } else if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') {
      if (!take_word(text)) return false;
    } else if (std::string_view("[]{}:,=* -").find(c) != std::string_view::npos) {
      text.remove_prefix(1);
    } else {
      return false;
    }
  }
  return false;
}

}  // namespace

bool is_multiprocessing_start_line(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  static constexpr std::string_view kStarts[] = {
      "from multiprocessing.spawn import spawn_main; spawn_main(",
      "from multiprocessing.forkserver import main; main(",
      "from multiprocessing.resource_tracker import main;main(",
      "from multiprocessing.resource_tracker import main; main(",
  };
  for (std::string_view start : kStarts) {
    std::string_view rest = text;
    if (take(rest, start)) return only_literals(rest);
  }
  return false;
}

}  // namespace libguard
