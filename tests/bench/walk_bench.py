# SPDX-License-Identifier: Apache-2.0
"""Microseconds per notified call at several Python depths, with and without the walk, over an unnotified call.

walk_probe PYTHON walk_bench.py [BATCHES [DEPTH,...]]
Minima of batches, interleaved in one run: trust the differences. 40 functions of 4 libraries, all in the code table.
"""

import ctypes
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "frontend", "walk"))
import harness

client = harness.Client()
client.hello()
BATCHES = int(sys.argv[1]) if len(sys.argv) > 1 else 120
CALLS = 100
DEPTHS = tuple(map(int, sys.argv[2].split(","))) if len(sys.argv) > 2 else (1, 5, 20, 50, 100)
number, test, operation, zero = ctypes.c_long(157), ctypes.c_ulong(harness.TEST_PRCTL), ctypes.c_ulong, ctypes.c_ulong(0)
unnotified = (number, ctypes.c_ulong(3), zero, zero, zero, zero)  # PR_GET_DUMPABLE
nothing = (number, test, operation(harness.NOTHING), zero, zero, zero)
walk = (number, test, operation(harness.WALK), zero, zero, zero)


def batch(arguments, call=harness._held):
    begin = time.perf_counter_ns()
    for _ in range(CALLS):
        call(*arguments)
    return (time.perf_counter_ns() - begin) / CALLS / 1000


best = {}


def measure(depth):
    frame, frames = sys._getframe(0), 0
    while frame is not None:
        client.tag(id(frame.f_code), 4 + frames % 4)
        frame, frames = frame.f_back, frames + 1
    client.tag(id(batch.__code__), 4)
    for _ in range(BATCHES):
        for name, arguments in (("unnotified", unnotified), ("nothing", nothing), ("walk", walk)):
            best[depth, name] = min(best.get((depth, name), 1e9), batch(arguments))


functions = []
for i in range(40):
    scope = {"functions": functions, "measure": measure}
    exec("def f(n, depth):\n    return measure(depth) if n <= 0 else functions[n %% 40](n - 1, depth)\n# %d" % i, scope)
    functions.append(scope["f"])

for depth in DEPTHS:
    # batch, measure, the module and the function that starts the recursion count too.
    measure(depth) if depth < 5 else functions[0](depth - 4, depth)
print(sys.version.split()[0])
print("depth  notified  +walk   walk alone  (us)")
for depth in DEPTHS:
    base = best[depth, "unnotified"]
    print("%5d  %8.2f  %6.2f  %10.2f" % (depth, best[depth, "nothing"] - base, best[depth, "walk"] - base,
                                       best[depth, "walk"] - best[depth, "nothing"]))
harness.compare()
