// SPDX-License-Identifier: Apache-2.0
/* A pushed stack, reduced as a walked one is: from the thread's slot and the state that it names.
 *
 * Way:     events -> *stack*. Written once for the kernel and for C++.
 * Thread:  pure functions; the thread whose slot it is must be stopped in its call.
 * Failure: a number beyond the table is for the caller to refuse; a frame that was left by a jump makes the caller
 *          `unknown`: the libraries still are all that were there, and may be more.
 */
#ifndef LIBGUARD_BPF_PUSHED_H
#define LIBGUARD_BPF_PUSHED_H

#include "bpf/library_set.h"

/* program: library of a native program's executable, below all that it pushed; LG_RUNTIME: of a language runtime.
 * sp: stack pointer of the call; 0: not looked at.
 */
static inline void lg_pushed_stack(const struct lg_slot *slot, const struct lg_pushed *pushed, __u32 program,
                                   __u64 sp, struct lg_stack *stack)
{
  stack->active = pushed->libraries;
  stack->caller = pushed->caller & (LG_MAX_LIBRARIES - 1);
  stack->direct = pushed->direct & (LG_MAX_LIBRARIES - 1);
  stack->direct_vouching = slot->vouching;
  stack->direct_function = slot->function;
  stack->depth_capped = slot->state != 0;
  /* Who pushes tells no functions but the last one. */
  stack->flags = (pushed->trampoline ? LG_STACK_TRAMPOLINE : 0) | (stack->direct == LG_RUNTIME ? LG_STACK_STARTER : 0);
  if (program != LG_RUNTIME) {
    lg_set_add(&stack->active, program);
    if (stack->caller == LG_RUNTIME)
      stack->caller = (__u16)program;
    if (slot->state == 0) {
      stack->direct = (__u16)program;
      stack->flags = LG_STACK_PROGRAM;
    }
  }
  /* The stack grows down: the frame that entered last lies above every call made from it. */
  if (slot->place && sp > slot->place) {
    stack->caller = stack->direct = LG_UNKNOWN;
    stack->direct_vouching = 0;
    stack->direct_function = 0;
  }
}

#endif
