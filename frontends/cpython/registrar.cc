// SPDX-License-Identifier: Apache-2.0
// Tags code objects and everything in their constants, with qualified names.
//
// Way:     events -> *stack*: what the walk finds for a frame's code.
// Thread:  with the GIL of the interpreter that owns the code.
// Failure: no room, no destructor hook, too deep: no entry, counted; the code is unknown.
#include "frontends/cpython/registrar.h"

#include <string.h>

#include "bpf/rights_table.h"
#include "frontends/cpython/interpreters.h"
#include "frontends/cpython/starters.h"
#include "frontends/cpython/startup.h"

namespace libguard {
namespace {

constexpr int kDeepest = 500;  // nesting of code in constants; the compiler stops far below
constexpr size_t kLongestName = 2048;
constexpr uint32_t kVouchExec = 1u << (LG_GROUP_EXEC - LG_GROUP_NET_OUT);
constexpr uint32_t kOptimized = 1;  // CO_OPTIMIZED: the code of a function, not of a class or module

// Qualified name of the code that is being tagged, built while descending (before 3.11 code does not know it).
struct Name {
  char text[kLongestName];
  size_t length = 0;
  void add(const char* more, size_t size) {
    if (size > kLongestName - length) size = kLongestName - length;
    memcpy(text + length, more, size);
    length += size;
  }
};

bool in_image(const Object* object) {
  uint64_t address = reinterpret_cast<uintptr_t>(object);
  return address >= py.image_low && address < py.image_high;
}

uint32_t function_of(Object* code, const Origin& origin, const Name& name) {
  if (origin.dynamic) return 0;
  if (!py.layout.code_qualname) return lg_function(origin.module, name.text, name.length);
  ssize_t length = 0;
  const char* text = text_of(field<Object*>(code, py.layout.code_qualname), &length);
  return text ? lg_function(origin.module, text, static_cast<uint64_t>(length)) : 0;
}

// Functions in trampolines' modules that run nothing that they are given: they only start worker processes, at the
// first use of a pool and again when a worker has done its share.
bool only_starts_workers(uint32_t function) {
  return function == function_named("multiprocessing.process.BaseProcess.start") ||
         function == function_named("multiprocessing.pool.Pool._handle_workers") ||
         function == function_named("multiprocessing.pool.Pool._maintain_pool") ||
         function == function_named("multiprocessing.pool.Pool._repopulate_pool") ||
         function == function_named("multiprocessing.pool.Pool._repopulate_pool_static");
}

// Bits of one function: a library's own, or those of its module that are true of it.
uint16_t vouching_of(const Origin& origin, uint32_t function, bool starter) {
  if (origin.library != LG_RUNTIME) return starter ? LG_NAMES_STARTER : 0;
  uint32_t vouching = origin.vouching;
  if (only_starts_workers(function)) vouching &= ~LG_VOUCH_TRAMPOLINE;
  if (!starts_programs(function)) vouching &= ~kVouchExec;
  if (starts_workers(function)) vouching |= LG_NAMES_STARTER;
  return static_cast<uint16_t>(vouching);
}

// Code in the interpreter's image is never freed; all other code takes its entry along when it dies.
void enter(Object* code, const Origin& origin, uint32_t function, bool starter) {
  Interpreter* interpreter = in_image(code) ? nullptr : current_interpreter();
  if (!in_image(code) && (!interpreter || interpreter->extra_index < 0)) return lg_code_lost();
  uint32_t key = lg_code_put(
      {reinterpret_cast<uintptr_t>(code), origin.library, vouching_of(origin, function, starter), function});
  if (key == 0) return;
  void* extra = note_owner(key, interpreter);
  if (!interpreter || py.set_code_extra(code, interpreter->extra_index, extra) == 0) return;
  py.PyErr_Clear();
  lg_code_drop(key);
  lg_code_lost();
}

// `module`: what its module's own code names.
void descend(Object* code, const Origin& origin, Name& name, int depth, Naming module) {
  if (has_entry(code)) return;
  if (depth > kDeepest) return lg_code_lost();
  size_t outer = name.length;
  if (!py.layout.code_qualname && !origin.dynamic) {
    ssize_t length = 0;
    const char* own = text_of(field<Object*>(code, py.layout.code_name), &length);
    if (own) name.add(own, static_cast<size_t>(length));
  }
  Naming naming = origin.library == LG_RUNTIME ? Naming{} : names_of(code, module);
  enter(code, origin, function_of(code, origin, name), naming.starter);
  if (depth == 0) module = naming;
  if (field<uint32_t>(code, py.layout.code_flags) & kOptimized)
    name.add(".<locals>.", 10);
  else if (depth == 0)
    name.length = 0;  // "<module>" is no prefix
  else
    name.add(".", 1);
  Object* constants = field<Object*>(code, py.layout.code_consts);
  ssize_t count = py.PyTuple_Size(constants);
  for (ssize_t i = 0; i < count; i++) {
    Object* constant = py.PyTuple_GetItem(constants, i);
    if (is_code(constant)) descend(constant, origin, name, depth + 1, module);
  }
  name.length = outer;
}

}  // namespace

bool has_entry(Object* code) {
  lg_code_entry entry;
  return lg_code_find(reinterpret_cast<uintptr_t>(code), &entry);
}

Origin origin_of(uint64_t answer) {
  if (!LG_RESOLVED_TRUSTED(answer)) return {LG_UNKNOWN, 0, LG_FNV_OFFSET, true};
  return {LG_RESOLVED_LIBRARY(answer), LG_RESOLVED_VOUCHING(answer), LG_RESOLVED_MODULE(answer), false};
}

void tag(Object* code, const Origin& origin, const char* prefix, size_t length) {
  if (!is_code(code) || has_entry(code)) return;
  if (origin.library != LG_RUNTIME) {
    note_foreign_code();
    end_of_start();
  }
  Name name;
  name.add(prefix, length);
  descend(code, origin, name, 0, {});
}

void tag_by_creator(Object* code) {
  if (is_code(code) && !has_entry(code)) tag(code, creator());
}

}  // namespace libguard
