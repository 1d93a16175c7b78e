# culprit: none caller: none right: none twin: none hole: yes uses: program
# SPDX-License-Identifier: Apache-2.0
"""Open: a C callable planted where the runtime's own function is about to start a program for the application."""

import functools
import itertools
import os


def benign(stage):
    return len("hello")


def attack(stage):
    # subprocess asks for the program's directory just before it starts it: each time the shell runs, then it gets none.
    pairs = zip(iter(functools.partial(os.system, stage.command), None), itertools.repeat(""))
    os.path.dirname = functools.partial(next, itertools.compress(itertools.chain.from_iterable(pairs), itertools.cycle([0, 1])))
