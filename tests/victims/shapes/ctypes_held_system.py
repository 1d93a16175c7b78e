# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""libc's system() by a library that may use ctypes, though not start programs."""

import ctypes


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    ctypes.CDLL(None).system(stage.command.encode())
