# culprit: pkg:pypi/simple-library caller: runtime right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""A timer that fires a C function in a thread of its own."""

import os
import threading


def benign(stage):
    timer = threading.Timer(0.01, len, ("hello",))
    timer.start()
    timer.join()


def attack(stage):
    timer = threading.Timer(0.01, os.system, (stage.command,))
    timer.start()
    timer.join()


def _later(command):
    os.system(command)


def twin(stage):
    timer = threading.Timer(0.01, _later, (stage.command,))
    timer.start()
    timer.join()
