// SPDX-License-Identifier: Apache-2.0
// Remembers what the interpreter announced to run and recognises it when it comes.
//
// Way:     *events*.
// Thread:  see startup.h.
// Failure: see startup.h.
#include "frontends/cpython/startup.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "frontends/cpython/registrar.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

// Audit events can be raised by anybody (sys.audit), with no frame too (as the target of a thread). The interpreter's
// own comes first, on the main thread, with no frame; only it is listened to.
bool g_announced, g_expected, g_command;
uint64_t g_answer;
char g_filename[PATH_MAX];  // co_filename of what is expected
bool g_module_begins;       // `python -m`, and nobody's code has run since
uint16_t g_module_library;  // of its first extension

bool at_the_bottom() { return gettid() == getpid() && !py.PyEval_GetFrame(); }

void expect(const char* filename, uint64_t answer) {
  size_t length = strlen(filename);
  g_expected = length < sizeof g_filename;
  if (g_expected) memcpy(g_filename, filename, length + 1);
  g_answer = answer;
}

}  // namespace

void on_announcement(const char* event, Object* subject) {
  if (g_announced || !at_the_bottom()) return;
  g_announced = true;
  g_module_begins = strcmp(event, "cpython.run_module") == 0;
  ssize_t length = 0;
  const char* text = text_of(subject, &length);
  if (!text) return;
  if (strcmp(event, "cpython.run_file") == 0)
    expect(text, lg_ask_resolve(LG_RESOLVE_SOURCE, text, static_cast<uint64_t>(length), -1));
  g_command = strcmp(event, "cpython.run_command") == 0;
  if (g_command) expect("<string>", lg_ask_resolve(LG_RESOLVE_COMMAND, text, static_cast<uint64_t>(length), -1));
}

bool names_extension_of(uint16_t library) {
  if (!runs_module_of_command_line()) return false;
  if (g_module_begins && g_module_library == LG_UNKNOWN) g_module_library = library;
  return library != LG_UNKNOWN && library == g_module_library;
}

void end_of_start() { g_module_begins = false; }

void tag_first_code(Object* code) {
  ssize_t length = 0;
  const char* filename = text_of(field<Object*>(code, py.layout.code_filename), &length);
  bool announced = g_expected && at_the_bottom() && filename && strcmp(filename, g_filename) == 0;
  if (at_the_bottom()) g_expected = false;
  Origin owner = announced ? origin_of(g_answer) : Origin{LG_UNKNOWN, 0, 0, true};
  // A text is made at run time, whoever wrote it: none of its functions is a function of a module.
  if (g_command && owner.library != LG_RUNTIME) owner = {owner.library, 0, 0, true};
  tag(code, owner);
}

}  // namespace libguard
