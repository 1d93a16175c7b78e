// SPDX-License-Identifier: Apache-2.0
// The interpreter in this process: its functions, version and layouts.
//
// Way:     *events*: how the frontend looks at code and frames.
// Thread:  filled once before the interpreter starts, constant afterwards.
// Failure: see python.h.
#pragma once

#include "frontends/cpython/python.h"

namespace libguard {

// Offsets in a code object and a function object.
struct PythonLayout {
  uint16_t code_consts, code_names, code_flags, code_filename, code_name;
  uint16_t code_qualname;  // 0: this version has none (before 3.11)
  uint16_t function_code;
};

struct Python {
#define X(type, name, parameters) type(*name) parameters;
  LG_PYTHON_FUNCTIONS(X)
#undef X
#define X(name) char* name;
  LG_PYTHON_DATA(X)
#undef X
  // Renamed between versions.
  void* (*current_thread_state)();
  ssize_t (*request_code_extra)(void (*)(void*));
  int (*set_code_extra)(Object*, ssize_t, void*);
  int (*is_finalizing)();
  Object** permission_error;
  Object** os_error;
  Object** type_error;

  PythonLayout layout;
  int minor;
  uint32_t hexversion;
  uint64_t image_low, image_high;

  Object* none() const { return reinterpret_cast<Object*>(_Py_NoneStruct); }
  bool is(const Object* object, const char* type) const { return reinterpret_cast<const char*>(object->type) == type; }
};

extern Python py;

enum class Recognised { kNoPython, kPython, kUnsupported };

// Fills `py`. For kUnsupported *problem says why.
Recognised load_python(const char** problem);

// Compares the layout with what Python says of this code object.
bool layout_holds(Object* code);

template <class T>
inline T field(const Object* object, uint16_t offset) {
  return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(object) + offset);
}

// A reference that is given back at the end of the scope.
class Owned {
 public:
  explicit Owned(Object* object) : object_(object) {}
  ~Owned() {
    if (object_) py.Py_DecRef(object_);
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  Object* get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }
  Object* release() {
    Object* object = object_;
    object_ = nullptr;
    return object;
  }

 private:
  Object* object_;
};

// Text of a str object, null if it is none or cannot be text. Sets no error.
const char* text_of(Object* object, ssize_t* length);

}  // namespace libguard
