// SPDX-License-Identifier: Apache-2.0
/* The walk over a CPython thread's frames, as pure steps over a reader.
 *
 * Way:     events -> *stack*: thread -> thread states -> frames -> code addresses -> entries of the code table.
 * Thread:  no state but what the caller hands in; the walked thread must be stopped, others may run.
 * Failure: LG_STEP_FAULT wherever memory cannot be read or contradicts itself; the caller flags it. Steps never loop:
 *          the caller bounds them (bpf_loop in BPF, a for in C++), so a cycle ends at LG_MAX_FRAMES.
 *
 * The caller may define LG_READER (a type), LG_READ(reader, to, size, address) (0: all of it was read) and
 * LG_OFFSET(offset) before including this; BPF defines them as void, bpf_probe_read_user and a bound that the verifier
 * sees. Else a struct with a function pointer is used, and offsets as they are.
 */
#ifndef LIBGUARD_BPF_WALK_CPYTHON_H
#define LIBGUARD_BPF_WALK_CPYTHON_H

#include "bpf/abi.h"

#ifndef LG_READ
struct lg_reader {
  int (*read)(void *self, void *to, __u32 size, __u64 address);
  void *self;
};
#define LG_READER struct lg_reader
#define LG_READ(reader, to, size, address) ((reader)->read((reader)->self, (to), (size), (address)))
#endif
#ifndef LG_OFFSET
#define LG_OFFSET(offset) (offset)
#endif
#define LG_STEP_INLINE static inline __attribute__((always_inline))

#define LG_NO_OFFSET 0xffffffffu
#define LG_STATE_BYTES 256 /* of a thread state: all fields that are read */
#define LG_FRAME_BYTES 96  /* of a frame, at most */
#define LG_MAX_THREAD_STATES 8
#define LG_MAX_INTERPRETERS 256
#define LG_MAX_SEARCH_STEPS 16384
#define LG_OWNER_ENTRY 3 /* frames from this owner on stand for a C call into the interpreter */

/* Where the fields lie in one version of CPython. Found by core/backend/walk/python_offsets. */
struct lg_python_offsets {
  __u32 version; /* PY_VERSION_HEX >> 16 */
  __u32 runtime_interpreters;
  __u32 interpreter_next, interpreter_states;
  __u32 state_previous, state_next, state_interpreter, state_thread;
  __u32 state_frame;  /* innermost frame; LG_NO_OFFSET: it is in the cframe */
  __u32 state_cframe; /* 3.10 to 3.12: a struct on the C stack; else LG_NO_OFFSET */
  __u32 cframe_frame;
  __u32 frame_code, frame_previous;
  __u32 frame_owner; /* one byte; LG_NO_OFFSET: every frame is one of Python code */
  __u32 frame_size;  /* bytes of a frame that hold the fields above, <= LG_FRAME_BYTES */
  __u32 code_tags;   /* low bits of the code pointer that are no address */
  __u32 skips_image; /* code in the image is no Python function, but cleans up after one (_Py_InitCleanup) */
};

/* One interpreter image in one process. */
struct lg_python_program {
  __u64 interpreters; /* address of the head of the list of interpreters */
  __u64 none;
  __u64 image_low, image_high;
};

enum lg_step {
  LG_STEP_FAULT = -1,
  LG_STEP_END = 0,
  LG_STEP_SKIP = 1,  /* nothing to look at, go on */
  LG_STEP_FRAME = 2, /* cursor->code is the code of a frame, go on */
};

/* Position in one thread state's frames, innermost first. */
struct lg_python_cursor {
  __u64 state;
  __u64 frame;   /* the next one */
  __u64 code;    /* of the frame that the last step passed */
  __u64 c_stack; /* an address on the C stack of the innermost evaluation; 0 if this version has none */
};

/* Search for the thread states of one thread. */
struct lg_python_search {
  __u64 thread; /* pthread_self of the thread */
  __u64 interpreter, next_interpreter;
  __u64 state, came_from;
  __u64 interpreters_sum; /* of the addresses seen, compared by lg_python_confirm */
  __u32 interpreters_seen;
  __u32 found_count; /* may exceed the array: the rest was not kept */
  __u64 found[LG_MAX_THREAD_STATES];
  __u64 first_interpreter;
  __u8 bytes[LG_STATE_BYTES];
};

LG_STEP_INLINE __u64 lg_load(const __u8 *bytes, __u32 offset)
{
  __u64 value;
  __builtin_memcpy(&value, bytes + LG_OFFSET(offset), 8);
  return value;
}

/* Address of the pointer that points to a thread state as long as it is linked. A state that was freed is no longer
 * pointed to, whatever its memory still says. */
LG_STEP_INLINE __u64 lg_python_link(const struct lg_python_offsets *o, const __u8 *state)
{
  __u64 previous = lg_load(state, o->state_previous);
  return previous ? previous + o->state_next : lg_load(state, o->state_interpreter) + o->interpreter_states;
}

/* Is this code address one that the walk passes over? */
LG_STEP_INLINE int lg_python_skips(const struct lg_python_offsets *o, const struct lg_python_program *p, __u64 code)
{
  if (!code || code == p->none)
    return 1;
  return o->skips_image && code >= p->image_low && code < p->image_high;
}

/* Takes the frame at cursor->frame from its bytes and moves on to the one that called it. */
LG_STEP_INLINE int lg_python_take_frame(const struct lg_python_offsets *o, const struct lg_python_program *p,
                                        const __u8 *bytes, struct lg_python_cursor *cursor)
{
  __u64 code = lg_load(bytes, o->frame_code) & ~(__u64)o->code_tags;
  __u64 frame = cursor->frame;
  cursor->frame = lg_load(bytes, o->frame_previous);
  cursor->code = code;
  if (o->frame_owner != LG_NO_OFFSET && bytes[LG_OFFSET(o->frame_owner)] >= LG_OWNER_ENTRY) {
    if (!cursor->c_stack)
      cursor->c_stack = frame;
    return LG_STEP_SKIP;
  }
  return lg_python_skips(o, p, code) ? LG_STEP_SKIP : LG_STEP_FRAME;
}

LG_STEP_INLINE int lg_python_step(LG_READER *reader, const struct lg_python_offsets *o,
                                  const struct lg_python_program *p, struct lg_python_cursor *cursor)
{
  __u8 bytes[LG_FRAME_BYTES];
  __u32 size = o->frame_size;
  if (!cursor->frame)
    return LG_STEP_END;
  if (size > LG_FRAME_BYTES)
    return LG_STEP_FAULT;
  if (LG_READ(reader, bytes, size, cursor->frame))
    return LG_STEP_FAULT;
  return lg_python_take_frame(o, p, bytes, cursor);
}

/* Sets the cursor to the innermost frame of a thread state, of which `bytes` are LG_STATE_BYTES. */
LG_STEP_INLINE int lg_python_first(LG_READER *reader, const struct lg_python_offsets *o, __u64 state,
                                   const __u8 *bytes, struct lg_python_cursor *cursor)
{
  __u64 cframe = 0;
  cursor->state = state;
  cursor->frame = cursor->code = cursor->c_stack = 0;
  if (o->state_cframe != LG_NO_OFFSET)
    cursor->c_stack = cframe = lg_load(bytes, o->state_cframe);
  if (o->state_frame != LG_NO_OFFSET) {
    cursor->frame = lg_load(bytes, o->state_frame);
    return LG_STEP_SKIP;
  }
  if (cframe && LG_READ(reader, &cursor->frame, 8, cframe + o->cframe_frame))
    return LG_STEP_FAULT;
  return LG_STEP_SKIP;
}

LG_STEP_INLINE int lg_python_search_start(LG_READER *reader, const struct lg_python_program *p, __u64 thread,
                                          struct lg_python_search *s)
{
  s->thread = thread;
  s->interpreter = s->next_interpreter = s->first_interpreter = 0;
  s->state = s->came_from = s->interpreters_sum = 0;
  s->interpreters_seen = s->found_count = 0;
  if (LG_READ(reader, &s->first_interpreter, 8, p->interpreters))
    return LG_STEP_FAULT;
  s->next_interpreter = s->first_interpreter;
  return LG_STEP_SKIP;
}

/* Goes on to the next interpreter of the list. */
LG_STEP_INLINE int lg_python_search_interpreter(LG_READER *reader, const struct lg_python_offsets *o,
                                                struct lg_python_search *s)
{
  __u64 at = s->next_interpreter;
  if (!at)
    return LG_STEP_END;
  if (s->interpreters_seen >= LG_MAX_INTERPRETERS)
    return LG_STEP_FAULT;
  s->interpreter = at;
  s->interpreters_sum += at;
  s->interpreters_seen++;
  s->came_from = 0;
  if (LG_READ(reader, &s->state, 8, at + o->interpreter_states))
    return LG_STEP_FAULT;
  if (LG_READ(reader, &s->next_interpreter, 8, at + o->interpreter_next))
    return LG_STEP_FAULT;
  return LG_STEP_SKIP;
}

/* Looks at one thread state, or goes on to the next interpreter. All states of the thread are kept: a thread may have
 * one in each interpreter, and up to 3.11 a state that is being made carries its maker's thread.
 * Other threads change these lists meanwhile: each state must point back to where the step came from and to its
 * interpreter. FAULT means "start again". */
LG_STEP_INLINE int lg_python_search_step(LG_READER *reader, const struct lg_python_offsets *o,
                                         struct lg_python_search *s)
{
  __u64 at = s->state;
  if (!at)
    return lg_python_search_interpreter(reader, o, s);
  if (LG_READ(reader, s->bytes, LG_STATE_BYTES, at))
    return LG_STEP_FAULT;
  if (lg_load(s->bytes, o->state_previous) != s->came_from ||
      lg_load(s->bytes, o->state_interpreter) != s->interpreter)
    return LG_STEP_FAULT;
  if (lg_load(s->bytes, o->state_thread) == s->thread) {
    if (s->found_count < LG_MAX_THREAD_STATES)
      s->found[s->found_count & (LG_MAX_THREAD_STATES - 1)] = at;
    s->found_count++;
  }
  s->came_from = at;
  s->state = lg_load(s->bytes, o->state_next);
  return LG_STEP_SKIP;
}

/* After the search: is the list of interpreters still the one that was searched? */
LG_STEP_INLINE int lg_python_confirm(LG_READER *reader, const struct lg_python_offsets *o,
                                     const struct lg_python_program *p, const struct lg_python_search *s)
{
  __u64 at = 0, sum = 0;
  __u32 seen = 0;
  if (LG_READ(reader, &at, 8, p->interpreters) || at != s->first_interpreter)
    return LG_STEP_FAULT;
  for (; at && seen < LG_MAX_INTERPRETERS; seen++) {
    sum += at;
    if (LG_READ(reader, &at, 8, at + o->interpreter_next))
      return LG_STEP_FAULT;
  }
  return seen == s->interpreters_seen && sum == s->interpreters_sum ? LG_STEP_END : LG_STEP_FAULT;
}

enum lg_found { LG_ABSENT = -1, LG_ELSEWHERE = 0, LG_FOUND = 1 };

/* Looks for a code in one bucket. ABSENT: a slot that was never used ends the search; ELSEWHERE: try the next bucket. */
LG_STEP_INLINE int lg_bucket_find(const struct lg_code_bucket *bucket, __u64 code, struct lg_code_entry *entry)
{
  if (code <= LG_CODE_TOMBSTONE)
    return LG_ABSENT;
  for (int i = 0; i < LG_BUCKET_ENTRIES; i++) {
    if (bucket->entry[i].code == code) {
      *entry = bucket->entry[i];
      return LG_FOUND;
    }
    if (!bucket->entry[i].code)
      return LG_ABSENT;
  }
  return LG_ELSEWHERE;
}

/* Entry of a code that is in no table: the image's own code is the runtime's, and vouches for nobody. */
LG_STEP_INLINE struct lg_code_entry lg_code_untold(const struct lg_python_program *p, __u64 code)
{
  struct lg_code_entry entry = {0, 0, 0, 0};
  entry.code = code;
  entry.library = code >= p->image_low && code < p->image_high ? LG_RUNTIME : LG_UNKNOWN;
  return entry;
}

#endif
