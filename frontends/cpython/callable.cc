// SPDX-License-Identifier: Apache-2.0
// Unwraps callables.
//
// Way:     events -> *stack*.
// Thread:  with the GIL.
// Failure: see callable.h.
#include "frontends/cpython/callable.h"

#include <string.h>

#include "frontends/cpython/registrar.h"

namespace libguard {
namespace {

constexpr int kDeepest = 16;
constexpr uint16_t kMethodFunction = 16;  // im_func of a bound method

bool starts_with(const char* text, const char* start) { return strncmp(text, start, strlen(start)) == 0; }

// Objects of asyncio's C half: their callbacks run coroutines, which have frames.
bool is_of_asyncio(const Object* object) {
  const char* name = type_name(object);
  return starts_with(name, "_asyncio.") || strcmp(name, "TaskStepMethWrapper") == 0 ||
         strcmp(name, "TaskWakeupMethWrapper") == 0;
}

// What asyncio and the executors schedule for themselves makes no calls for others.
bool is_of_a_scheduler(Object* function) {
  Owned module(py.PyObject_GetAttrString(function, "__module__"));
  ssize_t length = 0;
  if (!module) py.PyErr_Clear();
  const char* name = module ? text_of(module.get(), &length) : nullptr;
  return name && (starts_with(name, "asyncio.") || starts_with(name, "concurrent.futures."));
}

bool function_needs(Object* function) {
  lg_code_entry entry;
  uint64_t code = field<uint64_t>(function, py.layout.function_code);
  if (!lg_code_find(code, &entry) || entry.library != LG_RUNTIME) return false;
  return !is_of_a_scheduler(function);
}

Object* first_of(Object* tuple) {
  if (!tuple || !py.is(tuple, py.PyTuple_Type) || py.PyTuple_Size(tuple) == 0) return nullptr;
  return py.PyTuple_GetItem(tuple, 0);
}

// contextvars.Context.run, bound: runs its first argument.
bool is_context_run(const Object* callable) {
  if (!py.is(callable, py.PyCFunction_Type)) return false;
  auto* function = reinterpret_cast<const BuiltinFunction*>(callable);
  return function->self && py.is(function->self, py.PyContext_Type) && strcmp(function->def->name, "run") == 0;
}

// Methods of containers that call nothing but what their elements are made of. A done-callback of every task is such a
// one ("tasks.discard"), and a note for each is three marker calls. Methods that take an iterable or a key run it.
bool is_of_a_container(const BuiltinFunction* function) {
  static constexpr const char* kTypes[] = {"set", "list", "dict", "collections.deque"};
  static constexpr const char* kMethods[] = {"add",     "append", "appendleft", "clear",
                                             "discard", "pop",    "popleft",    "remove"};
  auto is_one_of = [](const char* text, const auto& list) {
    for (const char* entry : list)
      if (strcmp(text, entry) == 0) return true;
    return false;
  };
  return is_one_of(type_name(function->self), kTypes) && is_one_of(function->def->name, kMethods);
}

bool look(Object* callable, Object* first, int depth) {
  if (depth > kDeepest) return true;
  if (py.is(callable, py.PyMethod_Type)) return look(field<Object*>(callable, kMethodFunction), nullptr, depth + 1);
  if (py.is(callable, py.PyFunction_Type)) return function_needs(callable);
  if (is_of_asyncio(callable)) return false;
  if (strcmp(type_name(callable), "functools.partial") == 0) {
    Owned inner(py.PyObject_GetAttrString(callable, "func")), bound(py.PyObject_GetAttrString(callable, "args"));
    if (!inner || !bound) {
      py.PyErr_Clear();
      return true;
    }
    Object* own = first_of(bound.get());
    return look(inner.get(), own ? own : first, depth + 1);
  }
  if (is_context_run(callable)) return !first || look(first, nullptr, depth + 1);
  if (!py.is(callable, py.PyCFunction_Type)) return true;
  auto* function = reinterpret_cast<const BuiltinFunction*>(callable);
  return !function->self || !(is_of_asyncio(function->self) || is_of_a_container(function));
}

}  // namespace

bool needs_handoff(Object* callable, Object* arguments) { return look(callable, first_of(arguments), 0); }

}  // namespace libguard
