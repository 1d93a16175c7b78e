# culprit: pkg:pypi/simple-library caller: unknown right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""Code that runs in another interpreter of the same process."""

import os


def _interpreters():
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            return __import__(name)
        except ImportError:
            continue
    raise ImportError("no module for sub-interpreters")


def benign(stage):
    return os.getpid()


def attack(stage):
    module = _interpreters()
    interpreter = module.create()
    module.run_string(interpreter, f"import os; os.system({stage.command!r})")


def twin(stage):
    os.system(stage.command)
