# SPDX-License-Identifier: Apache-2.0
"""300 rounds: code of one library is freed, code of another gets its memory."""

import gc

import probe
from probe import APPLICATION, LIBA, check

import liba
import libb

gc.disable()
wrong = missing = reused = 0
epoch = int(probe.ask("epoch"))
copied = compile("lambda: 1000", "x", "exec")
for round in range(300):
    text = "lambda: %d" % (round + 1000)
    first = liba.compiled(text)
    address = id(first)
    if probe.entry(first) != "%d -" % LIBA:
        missing += 1
    del first
    if probe.ask("entry %d" % address) != "none":
        wrong += 1
    # Several, of both kinds: which of them gets the memory differs between versions, and a compiler may have used it.
    modules = [compile(text, "x", "exec") for _ in range(20)]
    others = modules + [module.co_consts[0] for module in modules]
    others += [code.replace(co_firstlineno=line) for line in range(1, 11) for code in (copied, copied.co_consts[0])]
    in_place = [other for other in others if id(other) == address]
    reused += len(in_place)
    for other in in_place or others[:1]:
        got = probe.entry(other)
        if got == "none":
            missing += 1
        elif got != "%d -" % APPLICATION:
            wrong += 1
    del other, in_place, others, modules
check("wrong", wrong, 0)
check("missing", missing, 0)
check("reused often enough to be a test", reused > 100, True)
check("epoch went on", int(probe.ask("epoch")) >= epoch + 600, True)
check("lost", probe.ask("lost"), "0 0")

# Code that is in nobody's way: 5000 objects alive at once, then gone.
many = [compile("%d" % i, "x", "eval") for i in range(5000)]
check("all have entries", sum(probe.entry(c) == "1 -" for c in many), 5000)
addresses = [id(c) for c in many]
del many
check("all are gone", sum(probe.ask("entry %d" % a) == "none" for a in addresses), 5000)
probe.finish()
