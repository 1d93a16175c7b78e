# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @native-load twin: same
# SPDX-License-Identifier: Apache-2.0
"""libc's system() through ctypes."""


def benign(stage):
    return len("hello")


def attack(stage):
    import ctypes

    ctypes.CDLL(None).system(stage.command.encode())
