// SPDX-License-Identifier: Apache-2.0
// Sorts audit events: code that appears, operations to be judged, the interpreter's own milestones, and all others.
//
// Way:     *events*.
// Thread:  see hook.h.
// Failure: see hook.h.
#include "frontends/cpython/hook.h"

#include <string.h>

#include "frontends/cpython/attach.h"
#include "frontends/cpython/operations.h"
#include "frontends/cpython/registrar.h"
#include "frontends/cpython/startup.h"
#include "frontends/cpython/startup_lines.h"

namespace libguard {
namespace {

bool g_unwritten_wanted;

bool is_event(const char* event, const char* name) { return strcmp(event, name) == 0; }

Object* argument(Object* arguments, ssize_t at) {
  return py.PyTuple_Size(arguments) > at ? py.PyTuple_GetItem(arguments, at) : nullptr;
}

void on_exec(Object* code) {
  if (!is_code(code) || has_entry(code)) return;
  put_on_shield();
  if (tag_line(code)) return;
  if (py.PyEval_GetFrame())
    tag_by_creator(code);
  else
    tag_first_code(code);
}

void set_bytecode_unwritten() {
  if (!g_unwritten_wanted) return;
  g_unwritten_wanted = false;
  if (py.PySys_SetObject("dont_write_bytecode", reinterpret_cast<Object*>(py._Py_TrueStruct)) != 0) py.PyErr_Clear();
}

// Milestones of the interpreter: cpython.*
void on_milestone(const char* event, Object* arguments) {
  if (strncmp(event, "cpython.run_", 12) == 0) {
    put_on_shield();
    on_announcement(event, argument(arguments, 0));
  } else if (is_event(event, "cpython.PyInterpreterState_New")) {  // up to 3.11 mostly not heard: see interpreters.cc
    lg_more_interpreters();
  } else if (is_event(event, "cpython.PyInterpreterState_Clear")) {
    forget_current_interpreter();
  }
}

int on_import(const char* event, Object* arguments) {
  attach_now();
  if (is_attached()) set_bytecode_unwritten();
  return judge_event(event, arguments);
}

}  // namespace

void keep_bytecode_unwritten(bool wanted) { g_unwritten_wanted = wanted; }

int audit(const char* event, Object* arguments, void*) {
  if (!py.current_thread_state()) return 0;
  if (!is_attached()) attach_now();
  if (!arguments) return 0;
  switch (event[0]) {
    case 'e':
      if (is_event(event, "exec")) on_exec(argument(arguments, 0));
      return 0;
    case 'f':
      if (is_event(event, "function.__new__")) tag_by_creator(argument(arguments, 0));
      return 0;
    case 'i':
      return is_event(event, "import") ? on_import(event, arguments) : 0;
    case 'c':
      if (event[1] == 'p') on_milestone(event, arguments);
      return event[1] == 't' || event[1] == 'p' ? judge_event(event, arguments) : 0;
    case 'g':
      return event[1] == 'c' ? judge_event(event, arguments) : 0;
    case 's':
      return event[1] == 'y' ? judge_event(event, arguments) : 0;
    case 'o':
      if (is_event(event, "object.__setattr__")) tag_by_creator(argument(arguments, 2));
      return is_event(event, "os.putenv") || is_event(event, "os.unsetenv") || is_event(event, "os._clearenv")
                 ? judge_event(event, arguments)
                 : 0;
    default:
      return 0;
  }
}

}  // namespace libguard
