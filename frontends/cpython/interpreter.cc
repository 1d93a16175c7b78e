// SPDX-License-Identifier: Apache-2.0
// Finds the interpreter's functions by name, its version, its image, and checks the layouts.
//
// Way:     *events*: how the frontend looks at code and frames.
// Thread:  once, before the interpreter starts.
// Failure: kUnsupported with the reason; no partial use.
#include "frontends/cpython/interpreter.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

namespace libguard {

Python py;

namespace {

void* symbol(const char* name, const char* other = nullptr) {
  void* found = dlsym(RTLD_DEFAULT, name);
  return found || !other ? found : dlsym(RTLD_DEFAULT, other);
}

template <class T>
void fill(T& target, void* address) {
  static_assert(sizeof target == sizeof address);
  memcpy(&target, &address, sizeof target);
}

bool load_functions() {
  bool complete = true;
#define X(type, name, parameters) \
  fill(py.name, symbol(#name));   \
  complete &= py.name != nullptr;
  LG_PYTHON_FUNCTIONS(X)
#undef X
#define X(name)                 \
  fill(py.name, symbol(#name)); \
  complete &= py.name != nullptr;
  LG_PYTHON_DATA(X)
#undef X
  fill(py.current_thread_state, symbol("_PyThreadState_UncheckedGet", "PyThreadState_GetUnchecked"));
  fill(py.request_code_extra, symbol("PyUnstable_Eval_RequestCodeExtraIndex", "_PyEval_RequestCodeExtraIndex"));
  fill(py.set_code_extra, symbol("PyUnstable_Code_SetExtra", "_PyCode_SetExtra"));
  fill(py.is_finalizing, symbol("Py_IsFinalizing", "_Py_IsFinalizing"));
  fill(py.permission_error, symbol("PyExc_PermissionError"));
  fill(py.os_error, symbol("PyExc_OSError"));
  fill(py.type_error, symbol("PyExc_TypeError"));
  return complete && py.current_thread_state && py.request_code_extra && py.set_code_extra && py.is_finalizing &&
         py.permission_error && py.os_error && py.type_error;
}

// "3.11.2 (main, ...)", "3.13.0rc1 ..." -> PY_VERSION_HEX.
uint32_t parse_version(const char* text) {
  char* rest = nullptr;
  unsigned long part[3] = {};
  for (int i = 0; i < 3; i++) {
    part[i] = strtoul(text, &rest, 10);
    if (rest == text || (i < 2 && *rest != '.')) return 0;
    text = rest + (i < 2 ? 1 : 0);
  }
  uint32_t level = 0xf0;
  if (*text == 'a' || *text == 'b' || *text == 'c' || *text == 'r') {
    level = *text == 'a' ? 0xa0 : *text == 'b' ? 0xb0 : 0xc0;
    while (*text == 'a' || *text == 'b' || *text == 'c' || *text == 'r') text++;
    level |= strtoul(text, nullptr, 10) & 0xf;
  }
  return static_cast<uint32_t>(part[0] << 24 | part[1] << 16 | part[2] << 8) | level;
}

bool set_layout(int minor) {
  switch (minor) {
    case 9:
      py.layout = {56, 64, 36, 104, 112, 0, 16};
      return true;
    case 10:
      py.layout = {56, 64, 36, 104, 112, 0, 48};
      return true;
    case 11:
    case 12:
    case 13:
    case 14:
    case 15:
      py.layout = {24, 32, 48, 112, 120, 128, 48};
      return true;
    default:
      return false;
  }
}

int find_image(dl_phdr_info* info, size_t, void*) {
  uint64_t inside = reinterpret_cast<uintptr_t>(py.PyCode_Type), low = ~0ull, high = 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD) continue;
    uint64_t start = info->dlpi_addr + part.p_vaddr;
    if (start < low) low = start;
    if (start + part.p_memsz > high) high = start + part.p_memsz;
  }
  if (inside < low || inside >= high) return 0;
  py.image_low = low;
  py.image_high = high;
  return 1;
}

bool same_attribute(Object* code, const char* name, uint16_t offset) {
  Owned value(py.PyObject_GetAttrString(code, name));
  if (!value) py.PyErr_Clear();
  return value.get() == field<Object*>(code, offset);
}

}  // namespace

Recognised load_python(const char** problem) {
  const char* (*get_version)();
  fill(get_version, symbol("Py_GetVersion"));
  if (!get_version || !symbol("Py_InitializeEx")) return Recognised::kNoPython;
  const char* version = get_version();
  py.hexversion = parse_version(version);
  py.minor = static_cast<int>(py.hexversion >> 16 & 0xff);
  *problem = "this version of CPython is not supported";
  if (py.hexversion >> 24 != 3 || !set_layout(py.minor)) return Recognised::kUnsupported;
  *problem = "free-threaded CPython is not supported";
  if (strstr(version, "free-threading")) return Recognised::kUnsupported;
  *problem = "this interpreter hides functions of CPython's C API";
  if (!load_functions() || dl_iterate_phdr(find_image, nullptr) == 0) return Recognised::kUnsupported;
  return Recognised::kPython;
}

bool layout_holds(Object* code) {
  const PythonLayout& at = py.layout;
  if (!same_attribute(code, "co_consts", at.code_consts) || !same_attribute(code, "co_names", at.code_names) ||
      !same_attribute(code, "co_filename", at.code_filename) || !same_attribute(code, "co_name", at.code_name))
    return false;
  if (at.code_qualname && !same_attribute(code, "co_qualname", at.code_qualname)) return false;
  return true;
}

const char* text_of(Object* object, ssize_t* length) {
  if (!object) return nullptr;
  const char* text = py.PyUnicode_AsUTF8AndSize(object, length);
  if (!text) py.PyErr_Clear();
  return text;
}

}  // namespace libguard
