// SPDX-License-Identifier: Apache-2.0
// Whose is code that is made at run time? The innermost library on the stack that is not the runtime.
//
// Way:     events -> *stack*.
// Thread:  with the GIL.
// Failure: nobody, or a frame without an entry: unknown.
#include <unistd.h>

#include "frontends/cpython/interpreters.h"
#include "frontends/cpython/registrar.h"

namespace libguard {
namespace {

constexpr Origin kNobody = {LG_UNKNOWN, 0, 0, true};
constexpr Origin kRuntimeItself = {LG_RUNTIME, 0, 0, true};

bool entry_of_frame(Object* frame, lg_code_entry* entry) {
  Owned code(py.PyFrame_GetCode(frame));
  return lg_code_find(reinterpret_cast<uintptr_t>(code.get()), entry);
}

// Functions of the runtime that make code from names only. What they make before any other code than the runtime's
// exists is the runtime's own (named tuples of the modules that the interpreter imports for itself).
bool is_own_factory(uint32_t function) {
  return function == function_named("collections.namedtuple") || function == function_named("dataclasses._create_fn") ||
         function == function_named("dataclasses._FuncBuilder.add_fns_to_class");
}

// The proxies of multiprocessing's managers: while its body runs, the module makes functions of names that stand in it.
bool makes_own_proxies(uint32_t maker, const lg_code_entry& below) {
  return maker == function_named("multiprocessing.managers.MakeProxyType") &&
         below.function == function_named("multiprocessing.managers.<module>");
}

// Loaders with a file read it through the open-code hook, which makes their code known. What else comes into being
// above the import machinery came from a loader or finder that is no longer on the stack: whoever imports is not its
// maker.
bool is_loading(const lg_code_entry& entry) {
  return (entry.vouching & LG_VOUCH_IMPORT) ||
         entry.function == function_named("importlib.abc.InspectLoader.source_to_code");
}

}  // namespace

bool innermost_entry(lg_code_entry* entry) {
  Object* frame = py.PyEval_GetFrame();
  return frame && entry_of_frame(frame, entry);
}

bool runs_module_of_command_line() {
  if (gettid() != getpid()) return false;
  lg_code_entry entry = {};
  Object* frame = py.PyEval_GetFrame();  // borrowed
  if (!frame) return false;
  py.Py_IncRef(frame);
  while (frame) {
    Owned here(frame);
    if (!entry_of_frame(frame, &entry) || entry.library != LG_RUNTIME) return false;
    frame = py.PyFrame_GetBack(frame);
  }
  return entry.function == function_named("runpy._run_module_as_main");
}

Origin creator() {
  Object* innermost = py.PyEval_GetFrame();  // borrowed
  if (!innermost) return kNobody;
  py.Py_IncRef(innermost);
  lg_code_entry entry = {};
  bool own_factory = false, loading = false;
  uint32_t above = 0;  // the function of the frame inside of this one
  for (Object* frame = innermost; frame;) {
    Owned here(frame);
    if (!entry_of_frame(frame, &entry)) return kNobody;
    if (entry.library != LG_RUNTIME) return loading ? kNobody : Origin{entry.library, 0, 0, true};
    if (makes_own_proxies(above, entry)) return kRuntimeItself;
    above = frame == innermost ? entry.function : 0;
    if (frame == innermost) own_factory = is_own_factory(entry.function);
    loading |= is_loading(entry);
    if (loading && !own_factory) return kNobody;
    frame = py.PyFrame_GetBack(frame);
  }
  return own_factory && !foreign_code_exists() ? kRuntimeItself : kNobody;
}

}  // namespace libguard
