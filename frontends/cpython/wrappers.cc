// SPDX-License-Identifier: Apache-2.0
// Wraps compile, exec, marshal.load(s), _imp.get_frozen_object, code.__new__ and code.replace.
//
// Way:     *events*: a code object's identity is the bytes that it was made from, else its creator.
// Thread:  see wrappers.h.
// Failure: see wrappers.h; errors of the wrapped functions pass through.
#include "frontends/cpython/wrappers.h"

#include <string.h>

#include "frontends/cpython/archive.h"
#include "frontends/cpython/contents.h"
#include "frontends/cpython/handoff.h"
#include "frontends/cpython/registrar.h"
#include "frontends/cpython/startup_lines.h"
#include "libguard/frontend.h"

namespace libguard {
namespace {

enum Target { kCompile, kExec, kLoads, kLoad, kFrozenObject, kReplace, kCopyReplace, kTargets };

struct Wrapped {
  MethodDef* def;
  void* original;
};
Wrapped g_wrapped[kTargets];
NewFunction g_code_new;

// zipimport reads archives by itself.
bool known_content(const char* bytes, ssize_t length, uint64_t* answer) {
  size_t size = static_cast<size_t>(length);
  lg_code_entry entry;
  if (take_content(bytes, size, answer)) return true;
  return innermost_entry(&entry) && (entry.vouching & LG_VOUCH_IMPORT) && find_in_archives(bytes, size, answer);
}

bool content_of(Object* source, uint64_t* answer) {
  if (py.is(source, py.PyBytes_Type))
    return known_content(py.PyBytes_AsString(source), py.PyBytes_Size(source), answer);
  // Only a memoryview shows the wrapped function the same memory that it shows here.
  if (!py.is(source, py.PyMemoryView_Type)) return false;
  Buffer buffer;
  if (py.PyObject_GetBuffer(source, &buffer, 0) != 0) {
    py.PyErr_Clear();
    return false;
  }
  bool known = known_content(static_cast<char*>(buffer.bytes), buffer.length, answer);
  py.PyBuffer_Release(&buffer);
  return known;
}

bool frozen_of(Object* name, uint64_t* answer) {
  ssize_t length = 0;
  const char* text = text_of(name, &length);
  if (!text) return false;
  *answer = lg_ask_resolve(LG_RESOLVE_FROZEN, text, static_cast<uint64_t>(length), -1);
  return true;
}

// One call of a wrapped function: looks at the arguments before, at the result after.
class Making {
 public:
  Making(Target target, Object* first, Object* second) : target_(target), first_(first), second_(second) {
    if (!first) return;
    if (target == kCompile || target == kLoads) known_ = content_of(first, &answer_);
    if (target == kExec) begin_line(first);
    bool own_data = second && second != py.none();
    if (target == kFrozenObject && !own_data) known_ = frozen_of(first, &answer_);
  }
  Object* finish(Object* result) {
    if (target_ == kExec) end_line();
    if (!result) return nullptr;
    if (target_ == kExec) {
      install_handoffs(first_, second_);
    } else if (is_code(result)) {
      if (known_) tag(result, origin_of(answer_));
      tag_by_creator(result);
    }
    return result;
  }

 private:
  Target target_;
  Object* first_;
  Object* second_;
  bool known_ = false;
  uint64_t answer_ = 0;
};

template <Target kTarget>
Object* one_argument(Object* self, Object* argument) {
  Making making(kTarget, argument, nullptr);
  return making.finish(reinterpret_cast<Function>(g_wrapped[kTarget].original)(self, argument));
}

template <Target kTarget>
Object* fast(Object* self, Object* const* arguments, ssize_t count) {
  Making making(kTarget, count > 0 ? arguments[0] : nullptr, count > 1 ? arguments[1] : nullptr);
  return making.finish(reinterpret_cast<FunctionFast>(g_wrapped[kTarget].original)(self, arguments, count));
}

template <Target kTarget>
Object* fast_keywords(Object* self, Object* const* arguments, ssize_t count, Object* names) {
  Making making(kTarget, count > 0 ? arguments[0] : nullptr, count > 1 ? arguments[1] : nullptr);
  auto original = reinterpret_cast<FunctionFastKeywords>(g_wrapped[kTarget].original);
  return making.finish(original(self, arguments, count, names));
}

template <Target kTarget>
void wrap(MethodDef* def, const char* name) {
  if (g_wrapped[kTarget].def) return;
  if (!def || strcmp(def->name, name) != 0)
    lg_refuse_start("this interpreter's functions are not where they are expected",
                    "use CPython 3.9 to 3.15 as released");
  void* wrapper = nullptr;
  switch (def->flags & 0x8f) {
    case kOneArgument:
      wrapper = reinterpret_cast<void*>(&one_argument<kTarget>);
      break;
    case kFast:
      wrapper = reinterpret_cast<void*>(&fast<kTarget>);
      break;
    case kFast | kKeywords:
      wrapper = reinterpret_cast<void*>(&fast_keywords<kTarget>);
      break;
    default:
      lg_refuse_start("this interpreter's functions are called in a way that is not known",
                      "use CPython 3.9 to 3.15 as released");
  }
  g_wrapped[kTarget] = {def, def->function};
  def->function = wrapper;
}

MethodDef* function_in(Object* modules, const char* module, const char* name) {
  Object* found = py.PyDict_GetItemString(modules, module);
  Object* function = found ? py.PyDict_GetItemString(py.PyModule_GetDict(found), name) : nullptr;
  if (!function || !py.is(function, py.PyCFunction_Type)) return nullptr;
  return reinterpret_cast<BuiltinFunction*>(function)->def;
}

MethodDef* method_of_code(const char* name) {
  Owned method(py.PyObject_GetAttrString(reinterpret_cast<Object*>(py.PyCode_Type), name));
  if (!method) py.PyErr_Clear();
  if (!method || !py.is(method.get(), py.PyMethodDescr_Type)) return nullptr;
  return reinterpret_cast<MethodDescriptor*>(method.get())->def;
}

Object* code_new(Type* type, Object* arguments, Object* keywords) {
  Object* code = g_code_new(type, arguments, keywords);
  if (code) tag_by_creator(code);
  return code;
}

}  // namespace

void wrap_builtins(Object* modules) {
  wrap<kCompile>(function_in(modules, "builtins", "compile"), "compile");
  wrap<kExec>(function_in(modules, "builtins", "exec"), "exec");
  wrap<kFrozenObject>(function_in(modules, "_imp", "get_frozen_object"), "get_frozen_object");
  wrap<kReplace>(method_of_code("replace"), "replace");
  if (MethodDef* def = method_of_code("__replace__")) wrap<kCopyReplace>(def, "__replace__");
  if (g_code_new) return;
  auto* slot = reinterpret_cast<NewFunction*>(py.PyCode_Type + kTypeNewOffset);
  g_code_new = *slot;
  *slot = &code_new;
}

bool wrap_marshal(Object* modules) {
  if (g_wrapped[kLoads].def) return true;
  if (!py.PyDict_GetItemString(modules, "marshal")) return false;
  MethodDef* loads = function_in(modules, "marshal", "loads");
  if (!loads) return false;  // the module is there, but is still being filled
  wrap<kLoad>(function_in(modules, "marshal", "load"), "load");
  wrap<kLoads>(loads, "loads");
  return true;
}

}  // namespace libguard
