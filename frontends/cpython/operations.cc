// SPDX-License-Identifier: Apache-2.0
// Maps audit events to runtime operations and asks for each.
//
// Way:     *events* -> stack -> verdict -> action.
// Thread:  with the GIL.
// Failure: see operations.h.
#include "frontends/cpython/operations.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/rights_table.h"
#include "frontends/cpython/registrar.h"
#include "frontends/cpython/startup.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

struct EventRight {
  const char* event;
  uint16_t right;
};

// Events that always are the operation.
constexpr EventRight kPlain[] = {
    {"ctypes.dlopen", LG_RIGHT_PY_CTYPES_DLOPEN},
    {"ctypes.dlsym", LG_RIGHT_PY_CTYPES_DLSYM},
    {"ctypes.dlsym/handle", LG_RIGHT_PY_CTYPES_DLSYM},
    {"ctypes.call_function", LG_RIGHT_PY_CTYPES_CALL},
    {"ctypes.cdata", LG_RIGHT_PY_CTYPES_MEMORY},
    {"ctypes.cdata/buffer", LG_RIGHT_PY_CTYPES_MEMORY},
    {"ctypes.string_at", LG_RIGHT_PY_CTYPES_MEMORY},
    {"ctypes.wstring_at", LG_RIGHT_PY_CTYPES_MEMORY},
    {"ctypes.memoryview_at", LG_RIGHT_PY_CTYPES_MEMORY},
    {"ctypes.PyObj_FromPtr", LG_RIGHT_PY_CTYPES_MEMORY},
    {"gc.get_objects", LG_RIGHT_PY_GC_GET_OBJECTS},
    {"gc.get_referrers", LG_RIGHT_PY_GC_GET_REFERRERS},
    {"gc.get_referents", LG_RIGHT_PY_GC_GET_REFERENTS},
    {"sys._current_frames", LG_RIGHT_PY_SYS_CURRENT_FRAMES},
    {"sys._current_exceptions", LG_RIGHT_PY_SYS_CURRENT_EXCEPTIONS},
    {"sys.settrace", LG_RIGHT_PY_SYS_SETTRACE},
    {"sys.setprofile", LG_RIGHT_PY_SYS_SETPROFILE},
    {"sys.addaudithook", LG_RIGHT_PY_SYS_ADDAUDITHOOK},
    {"sys.monitoring.register_callback", LG_RIGHT_PY_SYS_MONITORING},
    {"os._clearenv", LG_RIGHT_PY_OS_PUTENV},
    {"sys.remote_exec", LG_RIGHT_PY_DEBUGGER_ATTACH},
    {"cpython.remote_debugger_script", LG_RIGHT_PY_DEBUGGER_ATTACH},
};

const char* name_of(uint16_t right) {
  switch (right) {
#define LG_OPERATION(id, constant, name, group) \
  case id:                                      \
    return name;
#include "bpf/rights.def"
    default:
      return "operation";
  }
}

int refuse(uint16_t right, long answer) {
  char text[128];
  snprintf(text, sizeof text, "libguard: %s is not allowed here", name_of(right));
  Owned arguments(py.Py_BuildValue("(is)", answer < 0 ? static_cast<int>(-answer) : EPERM, text));
  if (arguments) py.PyErr_SetObject(*py.permission_error, arguments.get());
  return -1;
}

int ask(uint16_t right) {
  // What the interpreter does at its own end, when nobody is left to have asked for it.
  if (py.is_finalizing() && !py.PyEval_GetFrame()) return 0;
  long answer = lg_ask_operation(right);
  return answer == 0 ? 0 : refuse(right, answer);
}

bool starts_with(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

// Modules that exist to test the interpreter from inside: each can write any memory.
bool is_gateway(const char* module) {
  const char* last = strrchr(module, '.');
  const char* name = last ? last + 1 : module;
  return starts_with(name, "_test") || starts_with(name, "_ctypes_test") || starts_with(name, "_xxtest") ||
         starts_with(name, "xxlimited") || strcmp(name, "xxsubtype") == 0;
}

bool is_steady(const char* path) { return path[0] == '/' && !strstr(path, "/proc/"); }

int judge_import(Object* arguments) {
  ssize_t length = 0;
  const char* name = text_of(py.PyTuple_GetItem(arguments, 0), &length);
  if (name && is_gateway(name)) return ask(LG_RIGHT_PY_IMPORT_GATEWAY);
  Object* file = py.PyTuple_Size(arguments) > 1 ? py.PyTuple_GetItem(arguments, 1) : nullptr;
  if (!file || file == py.none()) return 0;
  Owned encoded(py.PyUnicode_EncodeFSDefault(file));
  uint64_t answer = 0;
  // The interpreter opens it later: a path that another thread can lead elsewhere by a chdir is nobody's own.
  if (encoded && is_steady(py.PyBytes_AsString(encoded.get())))
    answer = lg_ask_resolve(LG_RESOLVE_EXTENSION, py.PyBytes_AsString(encoded.get()),
                            static_cast<uint64_t>(py.PyBytes_Size(encoded.get())), -1);
  else if (!encoded)
    py.PyErr_Clear();
  if (LG_RESOLVED_TRUSTED(answer) && LG_RESOLVED_LIBRARY(answer) == LG_RUNTIME) return 0;
  bool named = LG_RESOLVED_TRUSTED(answer) && names_extension_of(LG_RESOLVED_LIBRARY(answer));
  return named ? 0 : ask(LG_RIGHT_PY_IMPORT_EXTENSION);
}

// Variables by which a later child would load other code.
int judge_environment(Object* arguments) {
  Object* key = py.PyTuple_GetItem(arguments, 0);
  if (!key || !py.is(key, py.PyBytes_Type)) return 0;
  const char* name = py.PyBytes_AsString(key);
  bool poison = starts_with(name, "LD_") || starts_with(name, "PYTHON") || strcmp(name, "PATH") == 0;
  return poison ? ask(LG_RIGHT_PY_OS_PUTENV) : 0;
}

// The runtime looks at its callers' frames for messages and module names; that says nothing about anybody.
int judge_getframe() {
  lg_code_entry entry;
  if (innermost_entry(&entry) && entry.library == LG_RUNTIME) return 0;
  return ask(LG_RIGHT_PY_SYS_GETFRAME);
}

}  // namespace

int judge_event(const char* event, Object* arguments) {
  if (strcmp(event, "import") == 0) return judge_import(arguments);
  if (strcmp(event, "sys._getframe") == 0) return judge_getframe();
  if (strcmp(event, "os.putenv") == 0 || strcmp(event, "os.unsetenv") == 0) return judge_environment(arguments);
  for (const EventRight& known : kPlain)
    if (strcmp(event, known.event) == 0) return ask(known.right);
  return 0;
}

}  // namespace libguard
