// SPDX-License-Identifier: Apache-2.0
// Lists of names, compared by hash.
//
// Way:     see starters.h.
// Thread:  see starters.h.
// Failure: see starters.h.
#include "frontends/cpython/starters.h"

namespace libguard {
namespace {

// Where an exec is made, in all versions: for posix_spawn and the like the stack is that of their caller.
constexpr uint32_t kRuntime[] = {
    function_named("subprocess.Popen._execute_child"),
    function_named("subprocess.Popen._posix_spawn"),
    function_named("multiprocessing.util.spawnv_passfds"),
    function_named("os._spawnvef"),
    function_named("os._execvpe"),
    function_named("os.execl"),
    function_named("os.execle"),
    function_named("http.server.CGIHTTPRequestHandler.run_cgi"),
};

// What only starts workers: the interpreter itself with one of multiprocessing's own start lines.
constexpr uint32_t kWorkers[] = {
    function_named("multiprocessing.popen_spawn_posix.Popen._launch"),
    function_named("multiprocessing.forkserver.ForkServer.ensure_running"),
    function_named("multiprocessing.resource_tracker.ResourceTracker.ensure_running"),
    function_named("multiprocessing.resource_tracker.ResourceTracker._ensure_running_and_write"),
    function_named("multiprocessing.resource_tracker.ResourceTracker._launch"),
};

// Nobody writes these without meaning to start programs, or to have the runtime start them.
constexpr uint32_t kSure[] = {
    function_named("subprocess"),
    function_named("Popen"),
    function_named("check_call"),
    function_named("check_output"),
    function_named("getoutput"),
    function_named("getstatusoutput"),
    function_named("popen"),
    function_named("posix_spawn"),
    function_named("posix_spawnp"),
    function_named("spawnl"),
    function_named("spawnle"),
    function_named("spawnlp"),
    function_named("spawnlpe"),
    function_named("spawnv"),
    function_named("spawnve"),
    function_named("spawnvp"),
    function_named("spawnvpe"),
    function_named("execl"),
    function_named("execle"),
    function_named("execlp"),
    function_named("execlpe"),
    function_named("execv"),
    function_named("execve"),
    function_named("execvp"),
    function_named("execvpe"),
    function_named("create_subprocess_exec"),
    function_named("create_subprocess_shell"),
    function_named("subprocess_exec"),
    function_named("subprocess_shell"),
    function_named("processor"),
    function_named("find_library"),
    function_named("webbrowser"),
    function_named("EnvBuilder"),
    function_named("CGIHTTPRequestHandler"),
};

// Common names: only where the module itself took them from a module that is among the above.
constexpr uint32_t kUsual[] = {function_named("run"), function_named("call")};
constexpr uint32_t kUsualCount = sizeof(kUsual) / sizeof(*kUsual);

template <size_t kCount>
bool holds(const uint32_t (&names)[kCount], uint32_t name) {
  for (uint32_t known : names)
    if (known == name) return true;
  return false;
}

}  // namespace

bool starts_programs(uint32_t function) { return holds(kRuntime, function); }

bool starts_workers(uint32_t function) { return holds(kWorkers, function); }

Naming names_of(Object* code, const Naming& module) {
  Naming naming;
  Object* names = field<Object*>(code, py.layout.code_names);
  ssize_t count = names ? py.PyTuple_Size(names) : 0;
  for (ssize_t i = 0; i < count; i++) {
    ssize_t length = 0;
    const char* text = text_of(py.PyTuple_GetItem(names, i), &length);
    if (!text) continue;
    uint32_t name = lg_fnv1a(LG_FNV_OFFSET, text, static_cast<uint64_t>(length));
    naming.starter |= holds(kSure, name);
    for (uint32_t bit = 0; bit < kUsualCount; bit++)
      if (kUsual[bit] == name) naming.usual |= 1u << bit;
  }
  naming.starter |= module.starter && (naming.usual & module.usual);
  return naming;
}

}  // namespace libguard
