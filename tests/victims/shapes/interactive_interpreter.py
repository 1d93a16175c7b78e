# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""Code that the standard library compiles and runs for the culprit: code.InteractiveInterpreter."""

import code
import os


def benign(stage):
    code.InteractiveInterpreter().runsource("len('hello')")


def attack(stage):
    code.InteractiveInterpreter({"os": os}).runsource(f"os.system({stage.command!r})", symbol="exec")


def twin(stage):
    os.system(stage.command)
