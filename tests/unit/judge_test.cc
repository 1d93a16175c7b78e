// SPDX-License-Identifier: Apache-2.0
// The judge on the stories of the design: who is refused, as what, and why.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "tests/unit/judge_world.h"

namespace libguard {
namespace {

constexpr uint32_t kWrite = LG_RIGHT_OPENAT_WRITE, kSocket = LG_RIGHT_SOCKET_INET, kStack = LG_RIGHT_PY_GC_GET_OBJECTS;

// The application may start programs through `tool`; the logger may not.
World tool_world() {
  World world;
  world.grant(kApp, SYS_execve);
  world.grant(kTool, SYS_execve);
  return world;
}

TEST(Judge, EveryLibraryOnTheStackMustHoldTheRight) {
  World world = tool_world();
  world.stack({kApp, kTool, kRuntime}, "subprocess");
  EXPECT_TRUE(world.allows(SYS_execve));
  world.stack({kApp, kLogger, kTool, kRuntime}, "subprocess");
  const lg_verdict verdict = world.judge(SYS_execve);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_TRUE(lg_set_has(&verdict.stack_culprits, kLogger));
  EXPECT_FALSE(lg_set_has(&verdict.stack_culprits, kTool));
  EXPECT_FALSE(verdict.caller_is_culprit);
  EXPECT_EQ(verdict.caller, kTool);
  EXPECT_EQ(verdict.right, SYS_execve);
}

TEST(Judge, CallerNeedsTheRightAsCaller) {
  World world = tool_world();
  world.grant(kLogger, SYS_execve, LG_ROLE_STACK);
  world.stack({kApp, kLogger, kRuntime}, "subprocess");
  const lg_verdict verdict = world.judge(SYS_execve);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_TRUE(verdict.caller_is_culprit);
  EXPECT_EQ(verdict.caller, kLogger);
  EXPECT_TRUE(lg_set_empty(&verdict.stack_culprits));
}

TEST(Judge, CallerDoesNotMatterForHarmlessRights) {
  World world;
  world.refuse(kLogger, kWrite);
  world.grant(kLogger, kWrite, LG_ROLE_STACK);
  world.stack({kApp, kLogger});
  EXPECT_TRUE(world.allows(kWrite));
  world.refuse(kLogger, kWrite);
  EXPECT_FALSE(world.allows(kWrite));
}

TEST(Judge, RuntimeModuleWithoutVouchingIsItselfTheCaller) {
  World world = tool_world();
  world.stack({kApp, kTool, kRuntime}, "signal");
  const lg_verdict verdict = world.judge(SYS_execve);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.caller, LG_RUNTIME);
  EXPECT_TRUE(verdict.caller_is_culprit);
  world.stack({kApp, kTool, kRuntime}, "socket");
  EXPECT_FALSE(world.allows(SYS_execve)) << "socket vouches for @net-out only";
}

TEST(Judge, TrampolineWithoutANoteIsRefused) {
  World world = tool_world();
  world.stack({kRuntime, kRuntime}, "concurrent.futures.thread");
  EXPECT_FALSE(world.allows(SYS_execve));
  EXPECT_EQ(world.judge(SYS_execve).caller, LG_RUNTIME);
}

TEST(Judge, HandOffIsJudgedAsItsSubmitter) {
  World world = tool_world();
  world.stack({kRuntime, kRuntime}, "concurrent.futures.thread");
  world.handoff({kApp, kTool, kRuntime});
  EXPECT_TRUE(world.allows(SYS_execve));
  EXPECT_EQ(world.judge(SYS_execve).caller, kTool);
  world.handoff({kApp, kLogger, kTool});
  lg_verdict verdict = world.judge(SYS_execve);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_TRUE(lg_set_has(&verdict.stack_culprits, kLogger)) << "the submitter's stack joins this one";
  world.handoff({kApp, kLogger});
  verdict = world.judge(SYS_execve);
  EXPECT_EQ(verdict.caller, kLogger);
  EXPECT_TRUE(verdict.caller_is_culprit);
}

TEST(Judge, RuntimeFunctionHandedOverIsItsSubmitters) {
  World world = tool_world();
  world.stack({kApp, kRuntime, kRuntime}, "subprocess");
  world.handoff({kApp, kLogger});
  EXPECT_EQ(world.judge(SYS_execve).caller, kApp) << "no trampoline in between: the application itself called";
  world.subject.stack.flags |= LG_STACK_TRAMPOLINE;
  EXPECT_EQ(world.judge(SYS_execve).caller, kLogger) << "its frame speaks for the submitter, not for who runs the loop";
  world.handoff({kApp, kTool});
  EXPECT_EQ(world.judge(SYS_execve).caller, kTool);
}

TEST(Judge, WhatTheRuntimeRunsByItselfIsItsMakers) {
  World world = tool_world();
  world.stack({kRuntime, kRuntime}, "multiprocessing.forkserver");
  EXPECT_EQ(world.judge(SYS_execve).caller, LG_RUNTIME) << "nobody known";
  world.subject.maker = kTool;
  EXPECT_EQ(world.judge(SYS_execve).caller, kTool);
  EXPECT_TRUE(world.allows(SYS_execve));
  world.subject.maker = kLogger;
  EXPECT_FALSE(world.allows(SYS_execve));
  world.subject.maker = kTool;
  world.subject.stack.flags |= LG_STACK_TRAMPOLINE;
  EXPECT_EQ(world.judge(SYS_execve).caller, LG_RUNTIME) << "what runs below a trampoline was given by anybody";
  world.stack({kRuntime, kRuntime}, "threading");
  EXPECT_EQ(world.judge(SYS_execve).caller, LG_RUNTIME) << "a frame that does not vouch";
}

TEST(Judge, HandOffDoesNotSpeakForLibraryFrames) {
  World world = tool_world();
  world.handoff({kApp, kTool});
  world.stack({kRuntime, kLogger});
  EXPECT_EQ(world.judge(SYS_execve).caller, kLogger);
  EXPECT_FALSE(world.allows(SYS_execve));
}

TEST(Judge, EmptyStackIsTheRuntimes) {
  World world = tool_world();
  world.stack({});
  EXPECT_FALSE(world.allows(SYS_execve)) << "atexit(os.system)";
  EXPECT_EQ(world.judge(SYS_execve).caller, LG_RUNTIME);
  EXPECT_TRUE(world.allows(kWrite)) << "nobody to ask";
}

TEST(Judge, VouchingFrameAloneIsStillTheRuntimes) {
  World world = tool_world();
  world.stack({kRuntime}, "subprocess");
  EXPECT_FALSE(world.allows(SYS_execve));
}

TEST(Judge, RuntimeIsTransparentOnTheStackAndAmongSpawners) {
  World world = tool_world();
  world.stack({kRuntime, kTool});
  lg_set_add(&world.subject.spawners, kRuntime);
  lg_set_add(&world.subject.inherited, kRuntime);
  EXPECT_TRUE(world.allows(SYS_execve));
}

TEST(Judge, MakersOfTheThreadAndNativeOwnersCount) {
  World world = tool_world();
  world.stack({kTool});
  lg_set_add(&world.subject.inherited, kLogger);
  lg_verdict verdict = world.judge(SYS_execve);
  EXPECT_TRUE(lg_set_has(&verdict.stack_culprits, kLogger));
  world.subject.inherited = {};
  lg_set_add(&world.subject.native, kFar);
  verdict = world.judge(SYS_execve);
  EXPECT_TRUE(lg_set_has(&verdict.stack_culprits, kFar));
  world.refuse(kFar, kWrite);
  EXPECT_TRUE(world.allows(kWrite)) << "harmless, and a library is on the stack";
}

TEST(Judge, HarmlessRightsAskTheMakerWhenNobodyElseIsThere) {
  World world;
  world.refuse(kLogger, kWrite);
  lg_set_add(&world.subject.inherited, kLogger);
  world.stack({kRuntime});
  EXPECT_FALSE(world.allows(kWrite));
  world.stack({kRuntime, kApp});
  EXPECT_TRUE(world.allows(kWrite));
  world.subject.inherited = {};
  world.stack({kRuntime});
  world.handoff({kApp, kLogger});
  EXPECT_FALSE(world.allows(kWrite));
  world.subject.handoff = {};
  lg_set_add(&world.subject.native, kLogger);
  EXPECT_TRUE(world.allows(kWrite));
  world.stack({});
  EXPECT_FALSE(world.allows(kWrite)) << "no interpreter frame: the owners of the C stack answer";
}

TEST(Judge, SpawnersAnswerForDangerousRightsOnly) {
  World world = tool_world();
  world.stack({kTool});
  lg_set_add(&world.subject.spawners, kLogger);
  const lg_verdict verdict = world.judge(SYS_execve);
  EXPECT_FALSE(verdict.allowed);
  EXPECT_TRUE(lg_set_has(&verdict.spawned_culprits, kLogger));
  EXPECT_TRUE(lg_set_empty(&verdict.stack_culprits));
  world.grant(kLogger, SYS_execve, LG_ROLE_SPAWNED);
  EXPECT_TRUE(world.allows(SYS_execve));
  world.refuse(kLogger, kWrite);
  EXPECT_TRUE(world.allows(kWrite));
}

TEST(Judge, FunctionCellsGuardExecAndProcess) {
  World world = tool_world();
  world.grant(kTool, SYS_fork);
  world.grant(kTool, kSocket);
  world.stack({kTool});
  EXPECT_TRUE(lg_needs_function(SYS_execve, &world.subject));
  EXPECT_FALSE(world.allows(SYS_execve, false)) << "map(os.system, …): that function never started a program";
  EXPECT_TRUE(world.judge(SYS_execve, false).function_is_culprit);
  EXPECT_FALSE(world.allows(SYS_fork, false));
  EXPECT_TRUE(world.allows(SYS_execve, true));
  EXPECT_TRUE(world.allows(kSocket, false)) << "@net-out has no cells";
  world.stack({kTool, kRuntime}, "subprocess");
  EXPECT_FALSE(lg_needs_function(SYS_execve, &world.subject));
  EXPECT_TRUE(world.allows(SYS_execve, false)) << "the runtime's frame is direct caller";
}

TEST(Judge, WhoHasTheRuntimeStartProgramsNamesIt) {
  World world = tool_world();
  world.grant(kTool, SYS_fork);
  world.stack({kTool, kRuntime}, "subprocess");
  world.subject.stack.flags = 0;
  EXPECT_TRUE(lg_needs_function(SYS_execve, &world.subject));
  EXPECT_EQ(lg_cell_library(&world.subject.stack), kTool);
  EXPECT_TRUE(world.judge(SYS_execve, false).function_is_culprit) << "pickle.loads(subprocess.run)";
  EXPECT_TRUE(world.allows(SYS_execve, true)) << "learned, or granted";
  EXPECT_TRUE(world.allows(SYS_fork, false)) << "the runtime makes processes of its own as well";
  world.stack({kRuntime}, "subprocess");
  world.subject.stack.flags = 0;
  EXPECT_FALSE(lg_needs_function(SYS_execve, &world.subject)) << "nobody's function";
  world.stack({kTool, kRuntime}, "threading");
  world.subject.stack.flags = 0;
  world.handoff({kTool});
  EXPECT_FALSE(lg_needs_function(SYS_execve, &world.subject)) << "the submitter's function is not known";
}

TEST(Judge, NativeProgramsAreTheirExecutablesLibrary) {
  World world = tool_world();
  world.stack({kTool});
  world.subject.stack.flags = LG_STACK_PROGRAM;
  EXPECT_TRUE(lg_needs_function(SYS_execve, &world.subject)) << "cell <program>";
  EXPECT_TRUE(world.allows(SYS_execve, true));
  EXPECT_FALSE(world.allows(SYS_execve, false));
}

TEST(Judge, UnknownCountsAgainstTheCaller) {
  for (const uint32_t flag : {LG_STACK_FAULT, LG_STACK_TRUNCATED, LG_STACK_UNKNOWN, LG_STACK_NO_STATE}) {
    World world = tool_world();
    world.stack({kTool});
    world.subject.stack.flags = flag;
    const lg_verdict verdict = world.judge(SYS_execve);
    EXPECT_FALSE(verdict.allowed) << flag;
    EXPECT_TRUE(lg_set_has(&verdict.stack_culprits, LG_UNKNOWN)) << flag;
    EXPECT_TRUE(world.allows(kWrite));
    world.refuse(LG_UNKNOWN, kWrite);
    EXPECT_FALSE(world.allows(kWrite)) << flag;
  }
}

TEST(Judge, NativeThreadsAnswerThroughTheirMaker) {
  World world;
  world.stack({});
  world.subject.stack.flags = LG_STACK_NO_STATE;
  lg_set_add(&world.subject.inherited, kClient);
  lg_set_add(&world.subject.native, kClient);
  EXPECT_FALSE(world.allows(kSocket));
  world.grant(kClient, kSocket, LG_ROLE_STACK);
  EXPECT_TRUE(world.allows(kSocket)) << "a messaging library's own thread connects";
  lg_set_add(&world.subject.inherited, kLogger);
  EXPECT_FALSE(world.allows(kSocket));
  world.subject.inherited = {};
  EXPECT_FALSE(world.allows(kSocket)) << "nobody knows who made the thread";
}

TEST(Judge, ObjectTheftIsTheCallersAlone) {
  World world;
  world.grant(kTool, kStack, LG_ROLE_CALLER);
  lg_set_add(&world.subject.spawners, kLogger);
  world.stack({kLogger, kTool});
  EXPECT_TRUE(world.allows(kStack));
  world.stack({kTool, kLogger, kRuntime}, "inspect");
  EXPECT_FALSE(world.allows(kStack));
  EXPECT_EQ(world.judge(kStack).caller, kLogger) << "every module of the runtime vouches";
  world.stack({kTool, kRuntime}, "concurrent.futures.thread");
  EXPECT_EQ(world.judge(kStack).caller, LG_RUNTIME) << "but no trampoline";
}

TEST(Judge, PhasesHaveTheirOwnRows) {
  World world = tool_world();
  lg_set_add(&world.matrix().deny[LG_SERVING][LG_ROLE_CALLER][SYS_execve], kTool);
  world.stack({kTool});
  EXPECT_TRUE(world.allows(SYS_execve));
  world.subject.phase = LG_SERVING;
  EXPECT_FALSE(world.allows(SYS_execve));
  world.subject.phase = 77;
  EXPECT_FALSE(world.allows(SYS_execve)) << "an unknown phase is the narrow one";
}

TEST(Judge, SomeCallsAlwaysPass) {
  World world;
  world.stack({kLogger});
  for (const uint32_t nr : {15u, 60u, 219u, 231u, 335u, 336u}) {
    EXPECT_TRUE(lg_always_allowed(nr));
    world.refuse(kLogger, nr);
    EXPECT_TRUE(world.allows(nr)) << nr;
  }
  EXPECT_FALSE(lg_always_allowed(SYS_execve));
}

TEST(Judge, RightsWithoutRowsNeedNoStack) {
  World world;
  EXPECT_FALSE(lg_is_judged(&world.matrix(), LG_INIT, kWrite));
  world.matrix().judged[LG_SERVING][kWrite / 64] |= 1ull << (kWrite % 64);
  EXPECT_FALSE(lg_is_judged(&world.matrix(), LG_INIT, kWrite));
  EXPECT_TRUE(lg_is_judged(&world.matrix(), LG_SERVING, kWrite));
}

}  // namespace
}  // namespace libguard
