// SPDX-License-Identifier: Apache-2.0
// Which modules of the standard library make dangerous calls themselves for whoever called them.
//
// Way:     events -> *stack* -> *verdict*: the bits of a code-table entry.
// Thread:  constant table.
// Failure: a module that is not named vouches for @object-theft only, a trampoline for nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace libguard {

// Vouching bits (bpf/abi.h) of code of the runtime's module `dotted_module`, e.g. "subprocess" or "asyncio.events".
// LG_VOUCH_IMPORT marks the import machinery. Frozen modules go by the names that the interpreters give them.
uint16_t vouching_of(std::string_view dotted_module);

// A trampoline runs what it is given: it vouches for nothing, a hand-off says for whom it runs.
bool is_trampoline(std::string_view dotted_module);

// Every module that the tables name, sorted.
std::vector<std::string_view> vouching_modules();

}  // namespace libguard
