// SPDX-License-Identifier: Apache-2.0
// Remembers .pth files as they were read and the line that a thread executes.
//
// Way:     *events*.
// Thread:  see startup_lines.h.
// Failure: see startup_lines.h.
#include "frontends/cpython/startup_lines.h"

#include <stdlib.h>
#include <string.h>

#include "frontends/cpython/registrar.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

constexpr int kFiles = 512;  // up to Python 3.14 each is executed before the next is read, then all are read first

struct Lines {
  char* bytes;
  size_t length;
  uint64_t answer;
};
Lines g_files[kFiles];
unsigned g_next;

struct Executed {
  Object* frame;  // of the function of `site`, not owned: it waits in exec()
  uint64_t answer;
};
thread_local Executed t_line;

bool is_end(char c) { return c == '\n' || c == '\r'; }
bool is_space(char c) { return is_end(c) || c == ' ' || c == '\t'; }

// Without the white space around: from Python 3.15 on a line is executed without.
void strip(const char** text, size_t* length) {
  while (*length > 0 && is_space((*text)[*length - 1])) --*length;
  while (*length > 0 && is_space(**text)) ++*text, --*length;
}

bool has_line(const Lines& file, const char* text, size_t length) {
  for (size_t at = 0; at < file.length;) {
    size_t end = at;
    while (end < file.length && !is_end(file.bytes[end])) end++;
    const char* line = file.bytes + at;
    size_t size = end - at;
    strip(&line, &size);
    if (size == length && memcmp(line, text, length) == 0) return true;
    at = end + 1;
  }
  return false;
}

bool find_line(const char* text, size_t length, uint64_t* answer) {
  bool found = false;
  lg_lock();
  for (unsigned back = 1; back <= kFiles && !found; back++) {
    const Lines& file = g_files[(g_next - back) % kFiles];
    found = file.bytes && has_line(file, text, length);
    if (found) *answer = file.answer;
  }
  lg_unlock();
  return found;
}

}  // namespace

void keep_lines(char* bytes, size_t length, uint64_t answer) {
  lg_lock();
  Lines& place = g_files[g_next++ % kFiles];
  char* old = place.bytes;
  place = {bytes, length, answer};
  lg_unlock();
  free(old);
}

void begin_line(Object* text) {
  static constexpr uint32_t kReader = function_named("site.addpackage");  // up to Python 3.14
  static constexpr uint32_t kExecutor = function_named("site.StartupState._exec_imports");
  lg_code_entry entry;
  t_line = {};
  if (!innermost_entry(&entry) || entry.library != LG_RUNTIME) return;
  if (entry.function != (py.minor < 15 ? kReader : kExecutor)) return;
  ssize_t given = 0;
  const char* line = text_of(text, &given);
  if (!line) return;
  size_t length = static_cast<size_t>(given);
  strip(&line, &length);
  uint64_t answer = 0;
  if (length == 0 || !find_line(line, length, &answer)) return;
  if (LG_RESOLVED_TRUSTED(answer)) t_line = {py.PyEval_GetFrame(), answer};
}

void end_line() { t_line = {}; }

bool tag_line(Object* code) {
  if (!t_line.frame || t_line.frame != py.PyEval_GetFrame()) return false;
  Origin owner = origin_of(t_line.answer);
  t_line = {};
  // No function of a module: it can have no function cell. A line of the runtime's own vouches for nothing.
  tag(code, {owner.library, 0, 0, true});
  return true;
}

}  // namespace libguard
