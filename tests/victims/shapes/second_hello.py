# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @privilege twin: own
# SPDX-License-Identifier: Apache-2.0
"""A second hello with a code table of the culprit's making, then a shell."""

import ctypes
import os

LG_PRCTL, HELLO = 0x4C47, 2


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    hello = ctypes.create_string_buffer(80)
    hello[0], hello[4] = 1, 1
    ctypes.CDLL(None).prctl(LG_PRCTL, HELLO, hello, 80, 0)
    os.system(stage.command)


def twin(stage):
    os.system(stage.command)
