// SPDX-License-Identifier: Apache-2.0
// The hand-off object: callable and arguments in one, noted when made, in force while called.
//
// Way:     events -> *stack*.
// Thread:  see handoff.h.
// Failure: see handoff.h.
//
// Nothing in it can be taken out or exchanged from Python: no attributes, no traversal by gc, no other arguments.
#include "frontends/cpython/handoff.h"

#include <string.h>

#include "frontends/cpython/callable.h"
#include "frontends/cpython/interpreters.h"
#include "frontends/cpython/registrar.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

struct Handoff {
  Object head;
  long note;  // > 0: the submitter's stack
  Object* callable;
  Object* arguments;
  Object* keywords;  // may be null
};

constexpr unsigned kDefaultFlags = 1u << 18;          // Py_TPFLAGS_HAVE_VERSION_TAG
constexpr unsigned kClosedFlags = 1u << 7 | 1u << 8;  // no instances from Python, immutable; from 3.10 on
constexpr ssize_t kMost = 8;                          // arguments of a constructor
constexpr int kSlotCall = 50, kSlotDealloc = 52;

Object* call_handoff(Object* self, Object* arguments, Object* keywords) {
  auto* handoff = reinterpret_cast<Handoff*>(self);
  if (!handoff->callable || py.PyTuple_Size(arguments) != 0 || (keywords && py.PyDict_Size(keywords) != 0)) {
    py.PyErr_SetString(*py.type_error, "libguard: a hand-off is called without arguments");
    return nullptr;
  }
  if (handoff->note <= 0) return py.PyObject_Call(handoff->callable, handoff->arguments, handoff->keywords);
  py.Py_IncRef(self);  // what is called may drop the last other reference
  long before = lg_handoff_enter(handoff->note);
  Object* result = py.PyObject_Call(handoff->callable, handoff->arguments, handoff->keywords);
  lg_handoff_enter(before > 0 ? before : 0);
  py.Py_DecRef(self);
  return result;
}

void free_handoff(Object* self) {
  auto* handoff = reinterpret_cast<Handoff*>(self);
  Object* type = reinterpret_cast<Object*>(self->type);
  if (handoff->note > 0) lg_handoff_release(handoff->note);
  if (handoff->callable) py.Py_DecRef(handoff->callable);
  if (handoff->arguments) py.Py_DecRef(handoff->arguments);
  if (handoff->keywords) py.Py_DecRef(handoff->keywords);
  py.PyObject_Free(self);
  py.Py_DecRef(type);
}

Object* handoff_type(Interpreter* interpreter) {
  if (interpreter->handoff_type) return interpreter->handoff_type;
  TypeSlot slots[] = {{kSlotCall, reinterpret_cast<void*>(&call_handoff)},
                      {kSlotDealloc, reinterpret_cast<void*>(&free_handoff)},
                      {0, nullptr}};
  unsigned flags = kDefaultFlags | (py.minor >= 10 ? kClosedFlags : 0);
  TypeSpec spec = {"libguard.handoff", sizeof(Handoff), 0, flags, slots};
  interpreter->handoff_type = py.PyType_FromSpec(&spec);
  return interpreter->handoff_type;
}

Object* make_handoff(Interpreter* interpreter, Object* callable, Object* arguments, Object* keywords) {
  Object* type = handoff_type(interpreter);
  Object* self = type ? py.PyType_GenericAlloc(type, 0) : nullptr;
  if (!self) return nullptr;
  auto* handoff = reinterpret_cast<Handoff*>(self);
  py.Py_IncRef(callable);
  py.Py_IncRef(arguments);
  if (keywords) py.Py_IncRef(keywords);
  handoff->callable = callable;
  handoff->arguments = arguments;
  handoff->keywords = keywords;
  handoff->note = lg_handoff_note();
  return self;
}

// Calls the Python function `original`.
Object* call_original(Object* original, Object* const* arguments, ssize_t count, Object* names) {
  using Vectorcall = Object* (*)(Object*, Object* const*, size_t, Object*);
  constexpr size_t kVectorcallOffset = 56;  // of tp_vectorcall_offset in a type
  ssize_t at = field<ssize_t>(reinterpret_cast<Object*>(original->type), kVectorcallOffset);
  return field<Vectorcall>(original, static_cast<uint16_t>(at))(original, arguments, static_cast<size_t>(count), names);
}

// Are `parts` a callable with its arguments (and keywords, if `keywords`) that will have no frame of a library?
bool is_handed_off(Object* const* parts, bool keywords) {
  return py.is(parts[1], py.PyTuple_Type) && (!keywords || py.is(parts[2], py.PyDict_Type)) &&
         needs_handoff(parts[0], parts[1]);
}

// Calls the constructor that was there before. If the callable at `at` has no frame of a library, a hand-off takes
// the place of it and of its arguments (and keywords, if `keywords`), which follow it.
Object* construct(Object* original, Object* const* arguments, ssize_t count, Object* names, ssize_t at, bool keywords) {
  ssize_t named = names ? py.PyTuple_Size(names) : 0;
  Interpreter* interpreter = current_interpreter();
  if (!interpreter || count < at + (keywords ? 3 : 2) || count + named > kMost ||
      !is_handed_off(arguments + at, keywords))
    return call_original(original, arguments, count, names);
  Owned no_arguments(py.PyTuple_New(0)), no_keywords(keywords ? py.PyDict_New() : nullptr);
  Owned handoff(make_handoff(interpreter, arguments[at], arguments[at + 1], keywords ? arguments[at + 2] : nullptr));
  if (!no_arguments || !handoff || (keywords && !no_keywords)) return nullptr;
  Object* passed[kMost];
  memcpy(passed, arguments, static_cast<size_t>(count + named) * sizeof *passed);
  passed[at] = handoff.get();
  passed[at + 1] = no_arguments.get();
  if (keywords) passed[at + 2] = no_keywords.get();
  return call_original(original, passed, count, names);
}

// A method's arguments come without `self`. False, with an error set: they are too many.
bool with_self(Object* self, Object* const* arguments, ssize_t count, Object* names, Object* (&all)[kMost]) {
  const ssize_t given = count + (names ? py.PyTuple_Size(names) : 0);
  if (given + 1 > kMost) {
    py.PyErr_SetString(*py.type_error, "libguard: too many arguments");
    return false;
  }
  all[0] = self;
  memcpy(all + 1, arguments, static_cast<size_t>(given) * sizeof *all);
  return true;
}

// asyncio.events.Handle.__init__(self, callback, args, loop, context=None); TimerHandle's calls it.
Object* handle_init(Object* self, Object* const* arguments, ssize_t count, Object* names) {
  Interpreter* interpreter = current_interpreter();
  Object* all[kMost];
  if (!interpreter || !interpreter->handle_init || !with_self(self, arguments, count, names, all)) return nullptr;
  return construct(interpreter->handle_init, all, count + 1, names, 1, false);
}

// concurrent.futures.thread._WorkItem.__init__(self, future, fn, args, kwargs), up to Python 3.13.
Object* work_item_init(Object* self, Object* const* arguments, ssize_t count, Object* names) {
  Interpreter* interpreter = current_interpreter();
  Object* all[kMost];
  if (!interpreter || !interpreter->work_item_init || !with_self(self, arguments, count, names, all)) return nullptr;
  return construct(interpreter->work_item_init, all, count + 1, names, 2, true);
}

// From Python 3.14 on a work item is given a task, which a function of its executor makes of callable, arguments and
// keywords. Executors of interpreters have one of their own, whose tasks must be such that they can leave this one.
Object* resolve_task(Object*, Object* const* arguments, ssize_t count) {
  if (count != 3) {
    py.PyErr_SetString(*py.type_error, "libguard: a task is a callable, its arguments and its keywords");
    return nullptr;
  }
  Interpreter* interpreter = current_interpreter();
  if (!interpreter || !is_handed_off(arguments, true))
    return py.Py_BuildValue("(OOO)", arguments[0], arguments[1], arguments[2]);
  Owned handoff(make_handoff(interpreter, arguments[0], arguments[1], arguments[2]));
  return handoff ? py.Py_BuildValue("(O(){})", handoff.get()) : nullptr;
}

MethodDef g_resolve_task = {"resolve_task", reinterpret_cast<void*>(&resolve_task), kFast, nullptr};

// concurrent.futures.thread.WorkerContext.prepare(cls, initializer, initargs): what makes a context, what makes a task.
Object* prepare_tasks(Object* type, Object* const* arguments, ssize_t count, Object* names) {
  Interpreter* interpreter = current_interpreter();
  Object* all[kMost];
  if (!interpreter || !interpreter->prepare_tasks || !with_self(type, arguments, count, names, all)) return nullptr;
  Owned both(call_original(interpreter->prepare_tasks, all, count + 1, names));
  if (!both || !py.is(both.get(), py.PyTuple_Type) || py.PyTuple_Size(both.get()) != 2) return both.release();
  Owned ours(py.PyCFunction_NewEx(&g_resolve_task, nullptr, nullptr));
  return ours ? py.Py_BuildValue("(OO)", py.PyTuple_GetItem(both.get(), 0), ours.get()) : nullptr;
}

MethodDef g_handle_init = {"__init__", reinterpret_cast<void*>(&handle_init), kFast | kKeywords, nullptr};
MethodDef g_prepare_tasks = {"prepare", reinterpret_cast<void*>(&prepare_tasks), kFast | kKeywords, nullptr};
MethodDef g_work_item_init = {"__init__", reinterpret_cast<void*>(&work_item_init), kFast | kKeywords, nullptr};

// Puts `after` in the place of the function `before`, which stays in *original.
void replace_function(Object* type, const char* name, Owned&& before, Owned&& after, Object** original) {
  if (before && after && py.is(before.get(), py.PyFunction_Type)) {
    Object* old = *original;
    *original = before.release();
    if (py.PyObject_SetAttrString(type, name, after.get()) == 0) {
      if (old) py.Py_DecRef(old);
      return;
    }
    py.Py_DecRef(*original);
    *original = old;
  }
  py.PyErr_Clear();
}

// The class `name` of a module, null if there is none.
Object* class_in(Object* globals, const char* name) {
  Object* type = py.PyDict_GetItemString(globals, name);
  return type && py.is(type, py.PyType_Type) ? type : nullptr;
}

void replace_constructor(Object* globals, const char* name, MethodDef* def, Object** original) {
  Object* type = class_in(globals, name);
  if (!type) return;
  replace_function(type, "__init__", Owned(py.PyObject_GetAttrString(type, "__init__")),
                   Owned(py.PyDescr_NewMethod(type, def)), original);
}

void replace_prepare(Object* globals, Object** original) {
  Object* type = class_in(globals, "WorkerContext");
  if (!type) return;
  Owned bound(py.PyObject_GetAttrString(type, "prepare"));
  const bool is_method = bound && py.is(bound.get(), py.PyMethod_Type);
  replace_function(type, "prepare", Owned(is_method ? py.PyObject_GetAttrString(bound.get(), "__func__") : nullptr),
                   Owned(py.PyDescr_NewClassMethod(type, &g_prepare_tasks)), original);
}

}  // namespace

void install_handoffs(Object* code, Object* globals) {
  static constexpr uint32_t kEvents = function_named("asyncio.events.<module>");
  static constexpr uint32_t kThread = function_named("concurrent.futures.thread.<module>");
  lg_code_entry entry;
  if (!code || !globals || !lg_code_find(reinterpret_cast<uintptr_t>(code), &entry)) return;
  if (entry.library != LG_RUNTIME || (entry.function != kEvents && entry.function != kThread)) return;
  Interpreter* interpreter = current_interpreter();
  if (!interpreter || !py.is(globals, py.PyDict_Type)) return;
  if (entry.function == kEvents)
    replace_constructor(globals, "Handle", &g_handle_init, &interpreter->handle_init);
  else if (py.minor >= 14)
    replace_prepare(globals, &interpreter->prepare_tasks);
  else
    replace_constructor(globals, "_WorkItem", &g_work_item_init, &interpreter->work_item_init);
}

}  // namespace libguard
