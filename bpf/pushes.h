// SPDX-License-Identifier: Apache-2.0
/* Stacks that need no walk: of a program that is one library, and of one that says itself in which library it is.
 *
 * Way:     events -> *stack*.
 * Thread:  the calling thread.
 * Failure: a slot or state that cannot be read is `unknown`, with LG_STACK_FAULT.
 */
#ifndef LIBGUARD_BPF_PUSHES_H
#define LIBGUARD_BPF_PUSHES_H

#include "bpf/pushed.h"
#include "bpf/stack.h"

static __always_inline void lg_empty_stack(struct lg_stack *stack)
{
  __builtin_memset(stack, 0, sizeof(*stack));
}

/* A program without frames: it is one library. */
static __always_inline void lg_fill_single(struct lg_stack *stack, __u32 library, __u32 flags)
{
  lg_empty_stack(stack);
  lg_set_add(&stack->active, library);
  stack->caller = stack->direct = (__u16)library;
  stack->flags = flags;
}

/* What the program says itself: the thread's slot, and the state that it names. */
static __always_inline void lg_take_pushed(struct lg_look *look, struct task_struct *task, __u32 image_number)
{
  struct lg_scratch *s = look->s;
  struct lg_image *image = look->image;
  struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

  if (!lg_open_area(look, image_number) ||
      LG_READ(&s->missing, &s->slot, sizeof(s->slot), task->thread.fsbase + image->slot_delta) ||
      s->slot.state >= LG_MAX_STATES ||
      LG_READ(&s->missing, &s->pushed, sizeof(s->pushed), image->table + sizeof(s->pushed) * (__u64)s->slot.state)) {
    s->flags = LG_STACK_FAULT;
    return lg_fill_single(&s->call.subject.stack, LG_UNKNOWN, LG_STACK_FAULT);
  }
  if (s->slot.state == LG_PUSHED_LOST)
    lg_count(look->counts, pushes_lost);
  lg_pushed_stack(&s->slot, &s->pushed, image->library, regs->sp, &s->call.subject.stack);
  s->depth = 1;
  s->call.frame[0].library = s->call.subject.stack.direct;
  s->call.frame[0].function = s->call.subject.stack.direct_function;
}

#endif
