// SPDX-License-Identifier: Apache-2.0
// What a slot and its state say about a stack.
#include "bpf/pushed.h"

#include <gtest/gtest.h>

namespace {

constexpr uint16_t kProgram = 5, kOuter = 6, kInner = 7;
constexpr uint64_t kFrame = 0x7fff0000;

lg_pushed state_of(uint16_t caller, uint16_t direct, std::initializer_list<uint16_t> libraries) {
  lg_pushed state{};
  for (uint16_t library : libraries) lg_set_add(&state.libraries, library);
  state.caller = caller;
  state.direct = direct;
  return state;
}

lg_stack stack_of(const lg_slot& slot, const lg_pushed& state, uint32_t program, uint64_t sp = 0) {
  lg_stack stack{};
  lg_pushed_stack(&slot, &state, program, sp, &stack);
  return stack;
}

TEST(Pushed, NothingPushedIsTheProgramItself) {
  const lg_stack stack = stack_of({}, state_of(LG_RUNTIME, LG_RUNTIME, {}), kProgram);
  EXPECT_EQ(stack.caller, kProgram);
  EXPECT_EQ(stack.direct, kProgram);
  EXPECT_EQ(stack.flags, LG_STACK_PROGRAM);
  EXPECT_TRUE(lg_set_has(&stack.active, kProgram));
}

TEST(Pushed, TheProgramStandsBelowAllThatItPushed) {
  const lg_stack stack =
      stack_of({2, 0, 99, kFrame}, state_of(kInner, kInner, {kOuter, kInner}), kProgram, kFrame - 64);
  for (uint16_t library : {kProgram, kOuter, kInner}) EXPECT_TRUE(lg_set_has(&stack.active, library)) << library;
  EXPECT_EQ(stack.caller, kInner);
  EXPECT_EQ(stack.direct_function, 99u);
  EXPECT_EQ(stack.flags, 0u);
}

TEST(Pushed, RuntimeInsideOfALibraryVouchesForIt) {
  lg_pushed state = state_of(kInner, LG_RUNTIME, {kInner, LG_RUNTIME});
  state.trampoline = 1;
  const lg_stack stack = stack_of({2, 3, 0, 0}, state, kProgram);
  EXPECT_EQ(stack.caller, kInner);
  EXPECT_EQ(stack.direct, LG_RUNTIME);
  EXPECT_EQ(stack.direct_vouching, 3);
  EXPECT_EQ(stack.flags, static_cast<uint32_t>(LG_STACK_TRAMPOLINE | LG_STACK_STARTER)) << "its functions are not told";
}

TEST(Pushed, ARuntimeHasNoLibraryOfItsOwnBelow) {
  const lg_stack stack = stack_of({}, state_of(LG_RUNTIME, LG_RUNTIME, {}), LG_RUNTIME);
  EXPECT_TRUE(lg_set_empty(&stack.active));
  EXPECT_EQ(stack.caller, LG_RUNTIME);
  EXPECT_EQ(stack.flags, static_cast<uint32_t>(LG_STACK_STARTER));
}

// A call from above the frame that entered last: that frame was left by a jump.
TEST(Pushed, AfterAJumpTheCallerIsUnknownAndNobodyIsForgotten) {
  const lg_stack stack = stack_of({2, 1, 99, kFrame}, state_of(kInner, kInner, {kOuter, kInner}), kProgram, kFrame + 8);
  EXPECT_EQ(stack.caller, LG_UNKNOWN);
  EXPECT_EQ(stack.direct, LG_UNKNOWN);
  EXPECT_EQ(stack.direct_vouching, 0);
  EXPECT_EQ(stack.direct_function, 0u);
  EXPECT_TRUE(lg_set_has(&stack.active, kInner));
}

}  // namespace
