# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @file-write twin: same
# SPDX-License-Identifier: Apache-2.0
"""A raw system call by a library that may use ctypes."""

import ctypes

MKDIR = 83


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    ctypes.CDLL(None).syscall(MKDIR, stage.marker.encode(), 0o755)
