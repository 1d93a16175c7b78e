# culprit: runtime caller: runtime right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""A C callable left for the interpreter's end: it runs on an empty stack."""

import atexit
import os


def benign(stage):
    atexit.register(len, "hello")


def attack(stage):
    atexit.register(os.system, stage.command)


def _at_end(command):
    os.system(command)


def twin(stage):
    atexit.register(_at_end, stage.command)
