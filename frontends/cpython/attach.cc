// SPDX-License-Identifier: Apache-2.0
// Takes the hooks, then tags and wraps what an interpreter has when it starts.
//
// Way:     *events*.
// Thread:  see attach.h.
// Failure: see attach.h.
#include "frontends/cpython/attach.h"

#include <errno.h>
#include <string.h>

#include "frontends/cpython/hook.h"
#include "frontends/cpython/open_code.h"
#include "frontends/cpython/registrar.h"
#include "frontends/cpython/wrappers.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

constexpr uint16_t kTypeFlags = 168, kTypeDict = 264;
constexpr uint64_t kHeapType = 1u << 9;
constexpr int kFrames = 64;  // compared by the self-check
constexpr int kDeepest = 4;  // classes in classes, closures of closures
constexpr const char* kPropertyParts[] = {"fget", "fset", "fdel"};

bool g_installed, g_attached, g_busy, g_shield_due;

void tag_object(Object* object, const Origin& origin, int depth);

void tag_attribute(Object* object, const char* name, const Origin& origin, int depth) {
  Owned value(py.PyObject_GetAttrString(object, name));
  if (!value) return py.PyErr_Clear();
  if (!py.is(value.get(), py.PyTuple_Type)) return tag_object(value.get(), origin, depth + 1);
  for (ssize_t i = 0; i < py.PyTuple_Size(value.get()); i++)  // the cells of a closure
    tag_attribute(py.PyTuple_GetItem(value.get(), i), "cell_contents", origin, depth + 1);
}

void tag_dict(Object* dict, const Origin& origin, int depth) {
  ssize_t position = 0;
  Object *key = nullptr, *value = nullptr;
  while (py.PyDict_Next(dict, &position, &key, &value)) tag_object(value, origin, depth);
}

void tag_function(Object* function, Object* code, const Origin& origin) {
  Owned name(py.PyObject_GetAttrString(function, "__qualname__"));
  if (!name) py.PyErr_Clear();
  ssize_t length = 0;
  const char* text = name ? text_of(name.get(), &length) : nullptr;
  const char* last = text ? static_cast<const char*>(memrchr(text, '.', static_cast<size_t>(length))) : nullptr;
  tag(code, origin, text, last ? static_cast<size_t>(last + 1 - text) : 0);
}

// Functions are reached through modules and classes; inner functions through the constants of outer ones.
void tag_object(Object* object, const Origin& origin, int depth) {
  if (py.is(object, py.PyFunction_Type)) {
    Object* code = field<Object*>(object, py.layout.function_code);
    if (!is_code(code) || !layout_holds(code))
      lg_refuse_start("this interpreter's objects are not laid out as expected", "use CPython 3.9 to 3.15 as released");
    tag_function(object, code, origin);
    if (depth < kDeepest) tag_attribute(object, "__closure__", origin, depth);  // a decorator holds what it decorates
  } else if (depth >= kDeepest) {
    return;
  } else if (py.is(object, py.PyStaticMethod_Type) || py.is(object, py.PyClassMethod_Type)) {
    tag_attribute(object, "__func__", origin, depth);
  } else if (py.is(object, py.PyProperty_Type)) {
    for (const char* part : kPropertyParts) tag_attribute(object, part, origin, depth);
  } else if (py.is(object, py.PyType_Type) && (field<uint64_t>(object, kTypeFlags) & kHeapType)) {
    Object* dict = field<Object*>(object, kTypeDict);
    if (dict) tag_dict(dict, origin, depth + 1);
  }
}

Origin frozen(const char* module) { return origin_of(lg_ask_resolve(LG_RESOLVE_FROZEN, module, strlen(module), -1)); }

// Before any foreign code exists all that runs is the runtime's (from 3.11 on the search for the standard library).
void tag_running_frames() {
  Object* frame = py.PyEval_GetFrame();
  if (!frame || foreign_code_exists()) return;
  Origin origin = frozen("getpath");
  py.Py_IncRef(frame);
  while (frame) {
    Owned here(frame);
    Owned code(py.PyFrame_GetCode(frame));
    tag(code.get(), origin);
    frame = py.PyFrame_GetBack(frame);
  }
}

// Does the supervisor see the same frames as the interpreter?
void self_check() {
  __u64 codes[kFrames];
  int count = 0;
  Object* frame = py.PyEval_GetFrame();
  if (frame) py.Py_IncRef(frame);
  while (frame) {
    Owned here(frame);
    Owned code(py.PyFrame_GetCode(frame));
    if (count == kFrames) return;
    codes[count++] = reinterpret_cast<uintptr_t>(code.get());
    frame = py.PyFrame_GetBack(frame);
  }
  if (lg_ask_self_check(codes, static_cast<__u64>(count)) != 0)
    lg_refuse_start("the walk over this interpreter's frames does not see what the interpreter sees",
                    "report the version of Python; `libguard doctor` says which are known");
}

void attach_core(Interpreter* interpreter, Object* modules) {
  Object* bootstrap = py.PyDict_GetItemString(modules, "_frozen_importlib");
  if (!bootstrap || !py.PyDict_GetItemString(modules, "builtins") || !py.PyDict_GetItemString(modules, "_imp")) {
    tag_running_frames();
    return;
  }
  tag_dict(py.PyModule_GetDict(bootstrap), frozen("importlib._bootstrap"), 0);
  wrap_builtins(modules);
  interpreter->attached = true;
  if (interpreter->id == 0) self_check();
}

Object* attribute_of(Object* modules, const char* module, const char* name) {
  Object* found = py.PyDict_GetItemString(modules, module);
  Object* value = found ? py.PyDict_GetItemString(py.PyModule_GetDict(found), name) : nullptr;
  if (value) py.Py_IncRef(value);
  return value;
}

void attach(Interpreter* interpreter) {
  Object* modules = py.PySys_GetObject("modules");
  if (!modules || !py.is(modules, py.PyDict_Type)) return tag_running_frames();
  if (!interpreter->attached) attach_core(interpreter, modules);
  if (interpreter->id == 0 && !g_attached) tag_running_frames();
  bool marshal = wrap_marshal(modules);
  if (!interpreter->bytes_io) interpreter->bytes_io = attribute_of(modules, "_io", "BytesIO");
  if (!interpreter->open_file) interpreter->open_file = attribute_of(modules, "_io", "open");
  if (interpreter->id == 0 && interpreter->attached && marshal && interpreter->bytes_io && interpreter->open_file)
    g_attached = true;
}

}  // namespace

bool is_attached() { return g_attached; }

Interpreter* attach_now() {
  Interpreter* interpreter = current_interpreter();
  if (!interpreter || g_busy || (interpreter->attached && interpreter->bytes_io && g_attached)) return interpreter;
  g_busy = true;
  Object *type, *value, *trace;
  py.PyErr_Fetch(&type, &value, &trace);
  attach(interpreter);
  py.PyErr_Restore(type, value, trace);
  g_busy = false;
  return interpreter;
}

void put_on_shield() {
  if (!g_shield_due) return;
  g_shield_due = false;
  lg_put_on_shield();
}

void note_early_open() {
  if (g_installed && !g_attached && py.current_thread_state()) attach_now();
}

namespace {

bool is_named_python() { return strncmp(program_invocation_short_name, "python", 6) == 0; }

// A program that only embeds Python (a debugger, an editor) is its executable's library: no hello, no hooks.
bool only_embeds_python(long answer) { return answer == -EOPNOTSUPP && !is_named_python(); }

}  // namespace

const char* install_python_frontend() {
  lg_hello hello = {};
  hello.runtime = LG_RUNTIME_CPYTHON;
  hello.hexversion = py.hexversion;
  hello.runtime_state = reinterpret_cast<uintptr_t>(py._PyRuntime);
  hello.none = reinterpret_cast<uintptr_t>(py._Py_NoneStruct);
  hello.image_low = py.image_low;
  hello.image_high = py.image_high;
  long answer = lg_say_hello(&hello);
  if (only_embeds_python(answer)) return nullptr;
  if (answer < 0) return "the guard refused this program's hello";
  g_shield_due = answer & LG_HELLO_ENFORCE;
  if (!is_named_python()) put_on_shield();  // it may start threads before it starts Python
  if (py.PySys_AddAuditHook(&audit, nullptr) != 0) return "CPython did not take the audit hook";
  if (py.PyFile_SetOpenCodeHook(&open_code, nullptr) != 0) return "CPython did not take the open-code hook";
  keep_bytecode_unwritten(answer & LG_HELLO_ENFORCE);
  g_installed = true;
  return nullptr;
}

}  // namespace libguard
