// SPDX-License-Identifier: Apache-2.0
// The part of CPython's C API that the frontend uses, found in the running interpreter: one binary for all versions.
//
// Way:     *events*: how the frontend looks at code and frames.
// Thread:  filled once before the interpreter starts; used with the GIL held.
// Failure: a missing function or an unknown version makes load_python() say what it missed.
//
// Layouts are those of CPython 3.9 to 3.15 with the GIL; those that differ by version are in PythonLayout and are
// compared with what Python itself says before anything depends on them.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

namespace libguard {

struct Type;  // only its address and the three fields below are used
struct Object {
  ssize_t references;
  Type* type;
};

struct TypeHead {
  Object head;
  ssize_t size;
  const char* name;
};
constexpr size_t kTypeNewOffset = 312;

inline const char* type_name(const Object* object) { return reinterpret_cast<const TypeHead*>(object->type)->name; }

using Function = Object* (*)(Object*, Object*);
using FunctionFast = Object* (*)(Object*, Object* const*, ssize_t);
using FunctionFastKeywords = Object* (*)(Object*, Object* const*, ssize_t, Object*);
using FunctionKeywords = Object* (*)(Object*, Object*, Object*);
using NewFunction = Object* (*)(Type*, Object*, Object*);

struct MethodDef {
  const char* name;
  void* function;
  int flags;
  const char* doc;
};
constexpr int kVarargs = 1, kKeywords = 2, kOneArgument = 8, kFast = 128;

struct BuiltinFunction {  // PyCFunctionObject
  Object head;
  MethodDef* def;
  Object* self;
};

struct MethodDescriptor {  // PyMethodDescrObject
  Object head;
  Object* type;
  Object* name;
  Object* qualname;
  MethodDef* def;
};

struct Buffer {  // Py_buffer
  void* bytes;
  Object* owner;
  ssize_t length;
  ssize_t rest[7];
};

struct TypeSlot {
  int slot;
  void* function;
};
struct TypeSpec {
  const char* name;
  int size;
  int item_size;
  unsigned flags;
  TypeSlot* slots;
};

using AuditHook = int (*)(const char*, Object*, void*);
using OpenCodeHook = Object* (*)(Object*, void*);

// X(return type, name, parameters): needed in every version.
#define LG_PYTHON_FUNCTIONS(X)                                         \
  X(int, PySys_AddAuditHook, (AuditHook, void*))                       \
  X(int, PyFile_SetOpenCodeHook, (OpenCodeHook, void*))                \
  X(const char*, Py_GetVersion, ())                                    \
  X(void, Py_IncRef, (Object*))                                        \
  X(void, Py_DecRef, (Object*))                                        \
  X(Object*, PyEval_GetFrame, ())                                      \
  X(Object*, PyFrame_GetBack, (Object*))                               \
  X(Object*, PyFrame_GetCode, (Object*))                               \
  X(void*, PyInterpreterState_Get, ())                                 \
  X(int64_t, PyInterpreterState_GetID, (void*))                        \
  X(Object*, PySys_GetObject, (const char*))                           \
  X(int, PySys_SetObject, (const char*, Object*))                      \
  X(Object*, PyDict_GetItemString, (Object*, const char*))             \
  X(int, PyDict_Next, (Object*, ssize_t*, Object**, Object**))         \
  X(Object*, PyModule_GetDict, (Object*))                              \
  X(Object*, PyObject_GetAttrString, (Object*, const char*))           \
  X(int, PyObject_SetAttrString, (Object*, const char*, Object*))      \
  X(Object*, PyObject_Call, (Object*, Object*, Object*))               \
  X(Object*, PyObject_CallFunctionObjArgs, (Object*, ...))             \
  X(ssize_t, PyTuple_Size, (Object*))                                  \
  X(Object*, PyTuple_GetItem, (Object*, ssize_t))                      \
  X(Object*, PyTuple_New, (ssize_t))                                   \
  X(Object*, PyDict_New, ())                                           \
  X(ssize_t, PyDict_Size, (Object*))                                   \
  X(const char*, PyUnicode_AsUTF8AndSize, (Object*, ssize_t*))         \
  X(Object*, PyUnicode_EncodeFSDefault, (Object*))                     \
  X(Object*, PyBytes_FromStringAndSize, (const char*, ssize_t))        \
  X(char*, PyBytes_AsString, (Object*))                                \
  X(ssize_t, PyBytes_Size, (Object*))                                  \
  X(int, PyObject_GetBuffer, (Object*, Buffer*, int))                  \
  X(void, PyBuffer_Release, (Buffer*))                                 \
  X(Object*, PyErr_SetFromErrnoWithFilenameObject, (Object*, Object*)) \
  X(void, PyErr_SetString, (Object*, const char*))                     \
  X(void, PyErr_SetObject, (Object*, Object*))                         \
  X(void, PyErr_Clear, ())                                             \
  X(void, PyErr_Fetch, (Object**, Object**, Object**))                 \
  X(void, PyErr_Restore, (Object*, Object*, Object*))                  \
  X(Object*, Py_BuildValue, (const char*, ...))                        \
  X(Object*, PyType_FromSpec, (TypeSpec*))                             \
  X(Object*, PyType_GenericAlloc, (Object*, ssize_t))                  \
  X(void, PyObject_Free, (void*))                                      \
  X(Object*, PyCFunction_NewEx, (MethodDef*, Object*, Object*))        \
  X(Object*, PyDescr_NewMethod, (Object*, MethodDef*))                 \
  X(Object*, PyDescr_NewClassMethod, (Object*, MethodDef*))

// X(name): data of the interpreter; types are named by their address.
#define LG_PYTHON_DATA(X) \
  X(PyCode_Type)          \
  X(PyBytes_Type)         \
  X(PyMemoryView_Type)    \
  X(PyFunction_Type)      \
  X(PyMethod_Type)        \
  X(PyCFunction_Type)     \
  X(PyMethodDescr_Type)   \
  X(PyType_Type)          \
  X(PyTuple_Type)         \
  X(PyDict_Type)          \
  X(PyStaticMethod_Type)  \
  X(PyClassMethod_Type)   \
  X(PyProperty_Type)      \
  X(PyContext_Type)       \
  X(_Py_NoneStruct)       \
  X(_Py_TrueStruct)       \
  X(_PyRuntime)

}  // namespace libguard
