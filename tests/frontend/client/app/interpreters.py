# SPDX-License-Identifier: Apache-2.0
"""Sub-interpreters: their code is known while they live; nothing of it stays behind."""

import os
import sys

import probe
from probe import LIBA, RUNTIME, check

TEXT = """
import sys, os
sys.path[:0] = [%r, %r]
import liba, json, importlib._bootstrap
out = os.fdopen(os.dup(%d), "w")
space = {}
exec("def dynamic(): pass", space)
print(id(liba.plain.__code__), id(json.dumps.__code__), id(importlib._bootstrap._find_and_load.__code__),
      id(liba.make_by_eval("lambda: 0").__code__), file=out)
held = liba.make_by_eval("lambda: 0")
print(id(held.__code__), file=out)
out.flush()
"""

try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        probe.finish()

import liba

for round in range(5):
    reading, writing = os.pipe()
    one = interpreters.create()
    failed = interpreters.run_string(one, TEXT % (os.path.dirname(__file__), os.environ["BASE"] + "/site", writing))
    check("ran", failed, None)
    os.close(writing)
    with os.fdopen(reading) as lines:
        files = [int(word) for word in lines.readline().split()]
        held = int(lines.readline())
    wanted = [("%d liba.plain" % LIBA,), ("%d json.dumps" % RUNTIME,), ("%d importlib._bootstrap._find_and_load" % RUNTIME,)]
    for code, name in zip(files, wanted):
        check("inside", probe.ask("entry %d" % code), name[0])
    check("dynamic inside", probe.ask("entry %d" % held), "%d -" % LIBA)
    interpreters.destroy(one)
    image = files[2] if sys.version_info[:2] in ((3, 11), (3, 12)) else None
    for code in files[:2] + [held]:
        check("left behind", probe.ask("entry %d" % code), "none")
probe.belongs("the main interpreter goes on", liba.plain, LIBA, "liba.plain")
probe.belongs("and makes code", liba.make_by_eval("lambda: 0"), LIBA)
probe.check("lost", probe.ask("lost"), "0 0")
probe.finish()
