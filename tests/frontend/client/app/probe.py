# SPDX-License-Identifier: Apache-2.0
"""Asks the fake supervisor what it sees of this process, and counts what is not as expected."""

import os
import sys

UNKNOWN, APPLICATION, RUNTIME, LIBA, LIBB = 0, 1, 2, 4, 5
_answers = os.fdopen(101, "r")
_failed = 0


def ask(line):
    os.write(100, line.encode() + b"\n")
    return _answers.readline().rstrip("\n")


def code_of(thing):
    return getattr(thing, "__code__", thing)


def entry(thing):
    return ask("entry %d" % id(code_of(thing)))


def log():
    return ask("log").split()


def check(label, got, wanted):
    global _failed
    if got != wanted:
        _failed += 1
        print("%s: got %r, wanted %r" % (label, got, wanted))


def belongs(label, thing, library, name="-"):
    """`thing` (function or code) has an entry of this library and this function name ("-": none)."""
    check(label, entry(thing), "%d %s" % (library, name))


def unknown(label, thing):
    got = entry(thing)
    check(label, got if got == "none" else got.split()[0], "none" if got == "none" else "0")


def finish():
    sys.stdout.flush()
    os._exit(1 if _failed else 0)
