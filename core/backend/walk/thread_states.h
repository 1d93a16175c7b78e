// SPDX-License-Identifier: Apache-2.0
// Which thread states belong to a thread that runs in a program with several interpreters.
//
// Way:     events -> *stack*: between the search of the lists and the walk of the frames.
// Thread:  pure.
// Failure: none; a state without a trace on the C stack is told by the thread number it carries.
//
// Up to 3.12 a sub-interpreter's state keeps the number of the thread that made it, whichever thread runs it. But a
// state that runs points to a struct on the C stack (cframe), and a thread's descriptor lies at the top of its stack:
// the lowest descriptor above the cframe is that of the running thread; the initial stack lies above them all.
#pragma once

#include <cstdint>
#include <vector>

namespace libguard {

struct SeenState {
  uint64_t state;
  uint64_t thread;  // that it carries
  uint64_t cframe;  // 0: this version has none
};

// The states of `thread` among `all`; `initial_stack`: it is the one that runs on the process' initial stack.
std::vector<SeenState> states_of_thread(const std::vector<SeenState>& all, uint64_t thread, bool initial_stack);

}  // namespace libguard
