# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: mkdir twin: none needs: x32
# SPDX-License-Identifier: Apache-2.0
"""A system call by its x32 number. Refused to everybody: no twin."""

import ctypes

X32_MKDIR = 0x40000000 | 83


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    ctypes.CDLL(None).syscall(X32_MKDIR, stage.marker.encode(), 0o755)
