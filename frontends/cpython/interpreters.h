// SPDX-License-Identifier: Apache-2.0
// What the frontend keeps for each interpreter of the process (the main one and sub-interpreters).
//
// Way:     *events*: a destructor hook and types of its own belong to each interpreter.
// Thread:  entries are made under lg_lock and used with their interpreter's GIL.
// Failure: more interpreters than kInterpreters at a time: code of the others stays unknown.
#pragma once

#include "frontends/cpython/interpreter.h"

namespace libguard {

constexpr int kInterpreters = 255;

struct Interpreter {
  int64_t id;           // never used again by Python
  ssize_t extra_index;  // slot of code objects whose free function drops the entry; -1: none
  bool attached;        // its own frozen code is tagged
  bool cleared;         // it is ending
  Object* bytes_io;     // taken before foreign code can replace them
  Object* open_file;
  Object* handoff_type;
  Object* handle_init;     // asyncio.events.Handle.__init__ as it was
  Object* work_item_init;  // concurrent.futures.thread._WorkItem.__init__ as it was
  Object* prepare_tasks;   // concurrent.futures.thread.WorkerContext.prepare as it was, from 3.14 on
};

// Of the current thread state, made on first use; null if there is none or no room, or if it is being cleared.
Interpreter* current_interpreter();

// The interpreter is being cleared: its code loses its entries, for its memory may go without a destructor.
void forget_current_interpreter();

// The entry with this key belongs to code of this interpreter (null: to static code). Answer: what the code object
// keeps for its destructor.
void* note_owner(uint32_t key, const Interpreter* interpreter);

// Has code been tagged that is not the runtime's?
bool foreign_code_exists();
void note_foreign_code();

}  // namespace libguard
