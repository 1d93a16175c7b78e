# culprit: pkg:pypi/simple-library caller: runtime right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""A thread started below the threading module: its stack holds no Python frame at all."""

import _thread
import os
import time


def benign(stage):
    _thread.start_new_thread(len, ("hello",))
    time.sleep(0.05)


def _start(target, stage):
    _thread.start_new_thread(target, (stage.command,))
    for _ in range(500):
        if os.path.exists(stage.marker):
            return
        time.sleep(0.01)


def attack(stage):
    _start(os.system, stage)


def _in_thread(command):
    os.system(command)


def twin(stage):
    _start(_in_thread, stage)
