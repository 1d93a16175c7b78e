# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @privilege twin: own
# SPDX-License-Identifier: Apache-2.0
"""Marker calls from outside the client, with every hand-off id that may be in force, then a shell."""

import ctypes
import os

LG_PRCTL, OPERATION, ENTER, RELEASE, PHASE = 0x4C47, 4, 6, 7, 8


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    prctl = ctypes.CDLL(None).prctl
    prctl(LG_PRCTL, PHASE, 0, 0, 0)
    for number in range(1, 32):
        prctl(LG_PRCTL, RELEASE, number, 0, 0)
        prctl(LG_PRCTL, ENTER, number, 0, 0)
        prctl(LG_PRCTL, OPERATION, 640 + number, 0, 0)
    os.system(stage.command)


def twin(stage):
    os.system(stage.command)
