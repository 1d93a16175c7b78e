# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @kernel twin: none
# SPDX-License-Identifier: Apache-2.0
"""A ring through which later calls would pass unseen, made by a library that may use ctypes. No recording grants one: there are none while it runs."""

import ctypes
import os

IO_URING_SETUP = 425


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    parameters = ctypes.create_string_buffer(120)
    ring = ctypes.CDLL(None).syscall(IO_URING_SETUP, 4, parameters)
    if ring < 0:
        return False
    os.close(ring)
    return True
