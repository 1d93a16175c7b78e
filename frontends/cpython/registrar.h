// SPDX-License-Identifier: Apache-2.0
// The registrar: gives each code object its entry in the code table, and takes it away when the code dies.
//
// Way:     events -> *stack*: what the walk finds for a frame's code.
// Thread:  with the GIL of the interpreter that owns the code.
// Failure: what cannot be entered has no entry: unknown.
#pragma once

#include "frontends/cpython/interpreter.h"
#include "libguard/frontend.h"

namespace libguard {

// Where code comes from.
struct Origin {
  uint16_t library;
  uint16_t vouching;
  uint32_t module;  // FNV-1a state of the module's name; unused for dynamic code
  bool dynamic;     // made at run time: has no function number
};

// From the answer of lg_ask_resolve; a file that may not stand for its library gives unknown code.
Origin origin_of(uint64_t answer);

// Enters `code` and all code in its constants; code that has an entry keeps it. `prefix` stands before its name
// ("Class."), for code that is not a module's.
void tag(Object* code, const Origin& origin, const char* prefix = "", size_t length = 0);

// Enters code that was made just now by whoever is on the stack.
void tag_by_creator(Object* code);

// The library that makes code now: innermost on the stack that is not runtime; unknown if there is none, and for
// code that the import machinery makes: what it loads without reading a code file came from a loader that is gone.
Origin creator();

// The innermost frame's code has an entry: fills it. False: no frame or no entry.
bool innermost_entry(lg_code_entry* entry);
// Is this the start of `python -m`: on the main thread, and on the stack nothing but the code of the runtime?
bool runs_module_of_command_line();

// Number of a function whose full name is known here.
constexpr uint32_t function_named(const char* name) {
  uint32_t state = LG_FNV_OFFSET;
  for (; *name; name++) state = (state ^ static_cast<uint8_t>(*name)) * 16777619u;
  return state;
}

bool has_entry(Object* code);
inline bool is_code(const Object* object) { return object && py.is(object, py.PyCode_Type); }

}  // namespace libguard
