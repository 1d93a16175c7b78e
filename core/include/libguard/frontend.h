// SPDX-License-Identifier: Apache-2.0
/* What a frontend may use inside a guarded program: marker calls, the program area, the code table.
 *
 * Way:     *events* -> stack -> verdict -> action: makes code known, says what happens inside the language.
 * Thread:  marker calls from any thread; the code table takes its own lock; readers need none.
 * Failure: in doubt less is known: an entry that does not fit is counted and its code stays unknown.
 *
 * C ABI, implemented by frontends/client and linked statically into each in-process library. Nothing here calls into
 * a language runtime, allocates through malloc, or throws.
 */
#ifndef LIBGUARD_FRONTEND_H
#define LIBGUARD_FRONTEND_H

#include "bpf/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the guard around this program ---- */

/* Does a guard answer? Asked once, remembered, inherited by fork. */
int lg_inside(void);

/* One line on stderr, "libguard: WHAT (HINT)", and the end of the process with status 125: enforcement that cannot be
 * had is refused at start. */
__attribute__((noreturn)) void lg_refuse_start(const char* what, const char* hint);

/* The detached door: starts a supervisor beside this process and puts it into a guard. Only at the start of a program
 * that is not in one, before other threads. Does not return if it fails. */
void lg_open_door(void);

/* In a program executed inside the guard of a detached supervisor: lets it read this program's memory, where Yama asks
 * for that. The first thing to do: what is judged before is judged without a stack. */
void lg_admit_reader(void);

/* Lets the supervisor set a breakpoint at the function with which this program begins to serve, if one was named; all
 * that the program is linked with must be mapped. From then on SIGTRAP has a handler. */
void lg_await_serving(void);

/* Notes where this program's messages go; at its start, inside a guard. */
void lg_note_messages(void);

/* A call that is judged answered ENOSYS: if the supervisor has ended, one line says so, once, where messages went at
 * the start. Keeps errno; async-signal-safe. */
void lg_tell_abandoned(void);

/* Makes the program area and says hello. `hello` comes with what the frontend knows (runtime, hexversion, flags,
 * addresses); the rest is filled in here. Once per program. Answer: 0 or LG_HELLO_ENFORCE, negative: refused. */
long lg_say_hello(struct lg_hello* hello);
#define LG_HELLO_ENFORCE 1

/* Puts the guard's Landlock ruleset on this process, if there is one: keeps code directories from being changed. After
 * the hello, before other threads. */
void lg_put_on_shield(void);

/* ---- marker calls; negative answers are -errno ---- */

/* Which library is this? `file`: descriptor of the file that was opened by that path, -1 if there is none: a path may
 * mean another file by the time it is looked up. LG_RESOLVED_* reads the answer; 0 (unknown, not trusted) if nobody
 * answers, or if the path does not lead to that file. */
__u64 lg_ask_resolve(enum lg_resolve_kind kind, const char* path, __u64 length, int file);

/* A runtime operation is about to happen. 0: it may. */
long lg_ask_operation(__u16 right);

/* Compares the supervisor's walk of this thread with `codes`, innermost first. 0: equal. */
long lg_ask_self_check(const __u64* codes, __u64 count);

/* Hand-offs: note the stack of this thread; put a note into force (0: none) and get the one that was; drop it. */
long lg_handoff_note(void);
long lg_handoff_enter(long handoff);
void lg_handoff_release(long handoff);

/* The phase moves forward. Answer: the phase in force. */
long lg_ask_phase(enum lg_phase phase);

/* ---- the code table ---- */

/* Enters or changes a code object. Answer: a key for lg_code_drop, never 0; 0 if there was no room: then the code has
 * no entry and is counted as lost. A reader may keep what it read while the epoch of the area stays; it must not keep
 * that it found nothing. */
__u32 lg_code_put(struct lg_code_entry entry);

/* Removes an entry before its code object's memory is given back. The epoch is raised first. */
void lg_code_drop(__u32 key);

/* There is an interpreter beside the main one from now on. REQUIRES: before code of its own runs there. */
void lg_more_interpreters(void);

/* Is there an entry? Fills *found. */
int lg_code_find(__u64 code, struct lg_code_entry* found);

/* Number of the function `qualname` of the module whose name hashed to `module`; notes the name once. */
__u32 lg_function(__u32 module, const char* qualname, __u64 length);

/* A code object that could not be entered for another reason. */
void lg_code_lost(void);

/* The lock of the code table, for callers that keep data of their own beside it; held across fork. Not recursive. */
void lg_lock(void);
void lg_unlock(void);

#ifdef __cplusplus
}
#endif
#endif
