# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""Code that the standard library compiles and runs for the culprit: timeit."""

import os
import timeit


def benign(stage):
    return timeit.Timer("len('hello')").timeit(1)


def attack(stage):
    timeit.Timer(f"os.system({stage.command!r})", "import os").timeit(1)


def twin(stage):
    os.system(stage.command)
