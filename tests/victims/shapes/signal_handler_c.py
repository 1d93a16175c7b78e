# culprit: application caller: application right: @process|@exec twin: own uses: signal
# SPDX-License-Identifier: Apache-2.0
"""A signal handler without a frame: max() asks its key, which is a C function that starts a shell."""

import functools
import os
import signal


def benign(stage):
    signal.signal(signal.SIGUSR1, lambda number, frame: None)


def attack(stage):
    signal.signal(signal.SIGUSR1, functools.partial(max, stage.command, key=os.system))


def twin(stage):
    signal.signal(signal.SIGUSR1, lambda number, frame: os.system(stage.command))
