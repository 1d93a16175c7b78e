// SPDX-License-Identifier: Apache-2.0
/* Every struct and number that crosses a border: kernel and user space, supervisor and guarded process.
 *
 * Way:     all of it: events -> stack -> verdict -> action speak these types.
 * Thread:  plain data; the owner of each struct says who writes it.
 * Failure: none; sizes are asserted below, and a change of layout raises LG_ABI_VERSION.
 *
 * Compiles as BPF C (clang -target bpf) and as C++. Numbers marked "on the wire" must not be renumbered.
 */
#ifndef LIBGUARD_BPF_ABI_H
#define LIBGUARD_BPF_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define LG_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size), #type)
#else
#define LG_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif

#define LG_ABI_VERSION 5

/* Limits of one guard; what exceeds them is counted and counts against the caller. */
#define LG_MAX_LIBRARIES 1024
#define LG_MAX_FRAMES 4096
#define LG_MAX_CODES 65536
#define LG_MAX_RIGHTS 1024
#define LG_MAX_STATES 4096

/* ---- libraries ---- */

/* Dense number of a library in one guard. */
enum lg_library {
  LG_UNKNOWN = 0,
  LG_APPLICATION = 1,
  LG_RUNTIME = 2,
  LG_STARTUP = 3,
  LG_FIRST_LIBRARY = 4,
};

/* A set of libraries: bit `id` of the 1024. */
struct lg_set {
  __u64 word[LG_MAX_LIBRARIES / 64];
};
LG_ASSERT_SIZE(struct lg_set, 128);

enum lg_phase { LG_INIT = 0, LG_SERVING = 1, LG_PHASES = 2 };
enum lg_role { LG_ROLE_STACK = 0, LG_ROLE_CALLER = 1, LG_ROLE_SPAWNED = 2, LG_ROLES = 3 };

/* ---- the matrix, compiled from policy and profile; written by the supervisor only ---- */

struct lg_matrix {
  struct lg_set deny[LG_PHASES][LG_ROLES][LG_MAX_RIGHTS]; /* libraries that do NOT hold the right */
  __u64 judged[LG_PHASES][LG_MAX_RIGHTS / 64];            /* bit right: some row is not empty */
};

/* ---- the code table in the program area (written by the client, private memory) ---- */

/* Vouching bits: bit (group - LG_GROUP_NET_OUT) for each dangerous group a runtime module makes calls of for others. */
/* No vouching: of a library's function that its own code names something that starts programs, of the runtime's that it
 * starts workers. */
#define LG_NAMES_STARTER 0x2000u
/* A trampoline runs what it is given; it vouches for nothing. */
#define LG_VOUCH_TRAMPOLINE 0x4000u
#define LG_VOUCH_IMPORT 0x8000u /* the import machinery (frozen importlib, zipimport, runpy) */

struct lg_code_entry {
  __u64 code; /* address of the code object; 0 never used, LG_CODE_TOMBSTONE removed */
  __u16 library;
  __u16 vouching;
  __u32 function; /* FNV-1a 32 of "module.qualname"; 0: dynamic code, has no function cell */
};
LG_ASSERT_SIZE(struct lg_code_entry, 16);

#define LG_CODE_TOMBSTONE 1ull
#define LG_BUCKET_ENTRIES 8
#define LG_TABLE_BUCKETS 16384 /* twice LG_MAX_CODES entries */
#define LG_TABLE_PROBES 8      /* buckets looked at, the first included */

struct lg_code_bucket {
  struct lg_code_entry entry[LG_BUCKET_ENTRIES];
};
LG_ASSERT_SIZE(struct lg_code_bucket, 128);

/* First bucket of a code address; the next ones follow, modulo LG_TABLE_BUCKETS. */
static inline __u32 lg_code_bucket_of(__u64 code)
{
  return (__u32)(((code >> 4) * 0x9E3779B97F4A7C15ull) >> 50) & (LG_TABLE_BUCKETS - 1);
}

/* Head of the names arena, followed by `length` bytes of the qualified name, then padding to 8 bytes. */
struct lg_name_record {
  __u32 function;
  __u32 module_hash; /* FNV-1a state of the module's name, as lg_resolve answered it */
  __u16 length;      /* bytes of the qualified name, without the module */
  __u16 pad[3];
};
LG_ASSERT_SIZE(struct lg_name_record, 16);

/* Head of the program area. The first 48 bytes are read with every judged call. */
struct lg_area {
  __u8 nonce[16];
  __u64 epoch;      /* raised by the client BEFORE it removes or changes an entry */
  __u64 names_used; /* bytes of the names arena that are complete */
  __u64 codes_lost; /* code objects that found no slot: unknown */
  /* 1: there are interpreters beside the main one, or were. Set BEFORE a thread has frames of its own code there. */
  __u32 more_interpreters;
  __u32 pad;
  __u64 table;      /* address of struct lg_code_bucket[LG_TABLE_BUCKETS] */
  __u64 names;      /* address of the names arena */
  __u64 names_size;
  __u64 names_lost;
  __u32 version;     /* LG_ABI_VERSION */
  __u32 states_used; /* of the pushed states; LG_MAX_STATES: no room is left */
};
LG_ASSERT_SIZE(struct lg_area, 88);

/* ---- pushed stacks (written by the client, private memory): for programs whose stack cannot be walked ---- */

/* Which libraries stand on a stack, without their order. Interned by content, append-only. Number 0: nothing pushed. */
struct lg_pushed {
  struct lg_set libraries;
  __u16 caller;     /* innermost library that is not runtime; LG_RUNTIME: none */
  __u16 direct;     /* the caller, or LG_RUNTIME if runtime was entered since */
  __u16 trampoline; /* 1: a trampoline was entered since the caller */
  __u16 pad;
};
LG_ASSERT_SIZE(struct lg_pushed, 136);

/* Stands for all states that found no room: every library is on the stack, the caller is unknown. */
#define LG_PUSHED_LOST 1u

/* Top of one thread's stack, in its thread-local storage: lg_hello.slot_delta bytes from its thread pointer. */
struct lg_slot {
  __u16 state;
  __u16 vouching; /* of the function that was entered last */
  __u32 function; /* the same, as in lg_code_entry */
  __u64 place;    /* an address in the frame that entered last; 0: not told */
};
LG_ASSERT_SIZE(struct lg_slot, 16);

/* ---- marker calls: prctl(LG_PRCTL, op, address, length, low 64 bits of the nonce), on the wire ---- */

#define LG_PRCTL 0x4c47ull

enum lg_marker {
  LG_MARKER_PROBE = 1,           /* answer: LG_ABI_VERSION inside a guard (EINVAL of prctl outside) */
  LG_MARKER_HELLO = 2,           /* struct lg_hello; answer 0; once per program */
  LG_MARKER_RESOLVE = 3,         /* struct lg_resolve; answer: see LG_RESOLVED_* */
  LG_MARKER_OPERATION = 4,       /* address = right id (640..1023); answer 0 or -errno of the verdict */
  LG_MARKER_HANDOFF_NOTE = 5,    /* notes the stack of this thread; answer: hand-off id > 0 */
  LG_MARKER_HANDOFF_ENTER = 6,   /* address = hand-off id or 0; answer: the id that was in force */
  LG_MARKER_HANDOFF_RELEASE = 7, /* address = hand-off id; answer 0 */
  LG_MARKER_PHASE = 8,           /* address = enum lg_phase; only forward; answer: phase in force */
  LG_MARKER_SELF_CHECK = 9,      /* struct lg_self_check; answer 0 if the walk sees just these codes */
  LG_MARKER_RULESET = 10,        /* address = enum lg_ruleset_step; see there */
  LG_MARKER_FUNCTION = 11,       /* address = enum lg_function_step; see there */
};

/* How a program that has not said hello, or has, learns of the named function with which it begins to serve. */
enum lg_function_step {
  LG_FUNCTION_WANTED = 0,  /* answer: 1 if there is one */
  LG_FUNCTION_PLANT = 1,   /* SIGTRAP is handled from now on; answer: where the breakpoint is, 0: nowhere yet */
  LG_FUNCTION_REACHED = 2, /* length = address of a breakpoint; answer: 1 if it was that one, and is gone */
};

/* How a program puts the guard's Landlock ruleset on itself: asks, restricts itself, tells. */
enum lg_ruleset_step {
  LG_RULESET_TAKE = 0, /* answer: its descriptor, which the next landlock_restrict_self of this thread may use */
  LG_RULESET_TOLD = 1, /* length = 0 or the errno of landlock_restrict_self; answer 0 */
};

enum lg_runtime_kind { LG_RUNTIME_NATIVE = 0, LG_RUNTIME_CPYTHON = 1, LG_RUNTIME_JVM = 2 };

struct lg_hello {
  __u32 version; /* LG_ABI_VERSION */
  __u32 runtime; /* enum lg_runtime_kind */
  __u32 hexversion; /* CPython: PY_VERSION_HEX of the running interpreter */
  __u32 flags;      /* LG_HELLO_* */
  __u64 area;       /* address of struct lg_area */
  __u8 nonce[16];   /* the same bytes as in the area */
  __u64 robust_delta;  /* get_robust_list head - pthread_self, measured in this process */
  __u64 runtime_state; /* CPython: address of _PyRuntime */
  __u64 none;          /* CPython: address of the None object */
  __u64 image_low, image_high; /* CPython: mapping of the interpreter's own image (static code objects) */
  __u64 states;                /* native: address of struct lg_pushed[LG_MAX_STATES] */
  __s64 slot_delta;            /* native: address of the thread's struct lg_slot - pthread_self */
};
LG_ASSERT_SIZE(struct lg_hello, 96);
#define LG_HELLO_FREE_THREADED 1u

struct lg_resolve {
  __u32 kind; /* enum lg_resolve_kind */
  __u32 length;
  __u64 path; /* address of `length` bytes, no terminator */
  __u64 device, inode; /* fstat of the file that was read: the path must still lead to it; inode 0: none was read */
};
LG_ASSERT_SIZE(struct lg_resolve, 32);

enum lg_resolve_kind {
  LG_RESOLVE_SOURCE = 1,    /* path of a source file of code about to be read */
  LG_RESOLVE_BYTECODE = 2,  /* path of a .pyc about to be read */
  LG_RESOLVE_EXTENSION = 3, /* path of a native extension about to be loaded */
  LG_RESOLVE_FROZEN = 4,    /* name of a frozen module ("os", "importlib._bootstrap") */
  LG_RESOLVE_COMMAND = 5,   /* text of -c, to tell the runtime's own start lines from others */
  LG_RESOLVE_NATIVE = 6,    /* path of a native library that a program pushes */
};

/* Answer of LG_MARKER_RESOLVE, always >= 0 when the call worked. */
#define LG_RESOLVED_LIBRARY(answer) ((__u16)((answer)&0x3ff))
#define LG_RESOLVED_VOUCHING(answer) ((__u16)(((answer) >> 10) & 0xffff))
#define LG_RESOLVED_TRUSTED(answer) ((__u8)(((answer) >> 26) & 1)) /* the file may stand for its library */
#define LG_RESOLVED_MODULE(answer) ((__u32)((answer) >> 27))        /* FNV-1a 32 state of the module's name */
#define LG_RESOLVED(library, vouching, trusted, module)                                                        \
  (((__u64)(module) << 27) | ((__u64)((trusted) ? 1 : 0) << 26) | ((__u64)(vouching) << 10) | (__u64)(library))

struct lg_self_check {
  __u64 codes; /* address of `count` code addresses, innermost first */
  __u64 count;
};
LG_ASSERT_SIZE(struct lg_self_check, 16);

#define LG_FNV_OFFSET 2166136261u
static inline __u32 lg_fnv1a(__u32 state, const char *text, __u64 length)
{
  for (__u64 i = 0; i < length; i++)
    state = (state ^ (__u8)text[i]) * 16777619u;
  return state;
}

/* ---- what is judged ---- */

enum lg_stack_flags {
  LG_STACK_NO_STATE = 1,    /* the thread has no thread state of the runtime */
  LG_STACK_FAULT = 2,       /* memory of a frame could not be read */
  LG_STACK_TRUNCATED = 4,   /* deeper than LG_MAX_FRAMES */
  LG_STACK_UNKNOWN = 8,     /* a frame's code is in no table */
  LG_STACK_PROGRAM = 16,    /* no frames, nothing pushed: the program is its executable's library */
  LG_STACK_TRAMPOLINE = 32, /* a trampoline's frame lies inside of every library's */
  LG_STACK_STARTER = 64,    /* see LG_NAMES_STARTER; of the caller's innermost function or inside of it */
  LG_STACK_INCOMPLETE = LG_STACK_FAULT | LG_STACK_TRUNCATED,
};

/* One thread's stack, reduced. Made by the walk (or pushed), read by the judge. */
struct lg_stack {
  struct lg_set active;
  __u16 caller;          /* innermost library that is not runtime; LG_RUNTIME if none */
  __u16 direct;          /* library of the innermost frame; LG_RUNTIME on an empty stack */
  __u16 direct_vouching; /* vouching bits of the innermost frame */
  __u16 depth_capped;    /* frames seen, at most 65535 */
  __u32 direct_function;
  __u32 caller_function; /* of the caller's innermost frame; 0: dynamic code, or nobody called */
  __u32 flags;           /* enum lg_stack_flags */
  __u32 pad;
};
LG_ASSERT_SIZE(struct lg_stack, 152);

/* A noted hand-off: the submitter's stack, carried while the callable runs. */
struct lg_handoff {
  struct lg_set active;
  __u16 caller;
  __u16 noted; /* 0: none in force */
  __u32 pad;
};
LG_ASSERT_SIZE(struct lg_handoff, 136);

/* Everything a verdict depends on besides the right and the matrix. */
struct lg_subject {
  struct lg_stack stack;
  struct lg_set inherited; /* of the thread's maker */
  struct lg_set native;    /* owners of code named by return addresses on the C stack */
  struct lg_set spawners;  /* active at the exec of this program and of its ancestors */
  struct lg_handoff handoff;
  __u32 phase; /* enum lg_phase */
  __u16 maker; /* who called when this thread was made or this program started; 0: nobody known */
  __u16 pad;
};
LG_ASSERT_SIZE(struct lg_subject, 680);

struct lg_verdict {
  struct lg_set stack_culprits;
  struct lg_set spawned_culprits;
  __u16 caller; /* who was judged as caller (after hand-off and vouching rules) */
  __u16 right;
  __u8 allowed;
  __u8 caller_is_culprit;
  __u8 function_is_culprit;
  __u8 pad;
};
LG_ASSERT_SIZE(struct lg_verdict, 264);

#endif
