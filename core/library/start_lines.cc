// SPDX-License-Identifier: Apache-2.0
// A matcher for three statements whose arguments are Python literals: numbers, strings, lists, tuples, dictionaries.
//
// Way:     see start_lines.h.
// Thread:  pure functions.
// Failure: see start_lines.h.
#include "core/library/start_lines.h"

#include <cstddef>

namespace libguard {
namespace {

constexpr int kMaxDepth = 16;

class Matcher {
 public:
  explicit Matcher(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  bool number() {
    take("-");
    size_t digits = 0;
    while (digits < rest_.size() && ((rest_[digits] >= '0' && rest_[digits] <= '9') || rest_[digits] == '.')) digits++;
    rest_.remove_prefix(digits);
    return digits > 0;
  }

  bool word() {
    size_t length = 0;
    while (length < rest_.size() && (rest_[length] == '_' || (rest_[length] >= 'a' && rest_[length] <= 'z'))) length++;
    rest_.remove_prefix(length);
    return length > 0;
  }

  // A string or bytes literal as repr() writes it.
  bool string() {
    take("b");
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return false;
    char quote = rest_[0];
    for (size_t i = 1; i < rest_.size(); i++) {
      if (rest_[i] == '\n') return false;
      if (rest_[i] == '\\') {
        i++;
      } else if (rest_[i] == quote) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }

  bool literal(int depth = 0) {
    if (depth > kMaxDepth || rest_.empty()) return false;
    if (take("None") || take("True") || take("False")) return true;
    if (take("[")) return items("]", false, depth);
    if (take("(")) return items(")", false, depth);
    if (take("{")) return items("}", true, depth);
    return rest_[0] == '-' || (rest_[0] >= '0' && rest_[0] <= '9') ? number() : string();
  }

 private:
  bool items(std::string_view end, bool pairs, int depth) {
    if (take(end)) return true;
    while (true) {
      if (!literal(depth + 1)) return false;
      if (pairs && !(take(": ") && literal(depth + 1))) return false;
      if (take(end) || (take(",") && take(end))) return true;
      take(" ");
    }
  }

  std::string_view rest_;
};

bool is_spawn(Matcher text) {
  if (!text.take("from multiprocessing.spawn import spawn_main; spawn_main(")) return false;
  if (text.take(")")) return text.at_end();
  while (text.word() && text.take("=") && text.literal()) {
    if (text.take(")")) return text.at_end();
    if (!text.take(", ")) return false;
  }
  return false;
}

bool is_tracker(Matcher text) {
  return text.take("from multiprocessing.resource_tracker import main;main(") && text.number() && text.take(")") &&
         text.at_end();
}

// Late releases of 3.14, and 3.15, hand sys.argv on beside the statement.
bool is_fork_server(Matcher text) {
  const bool argv = text.take("import sys; ");
  return text.take("from multiprocessing.forkserver import main; main(") && text.number() && text.take(", ") &&
         text.number() && text.take(", ") && text.literal() && (!argv || text.take(", sys_argv=sys.argv[1:]")) &&
         text.take(", **") && text.literal() && text.take(")") && text.at_end();
}

}  // namespace

bool is_multiprocessing_start_line(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);  // the interpreter appends one
  Matcher matcher(text);
  return is_spawn(matcher) || is_tracker(matcher) || is_fork_server(matcher);
}

}  // namespace libguard
