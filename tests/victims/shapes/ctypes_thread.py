# culprit: pkg:pypi/simple-library caller: runtime right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""A thread that the interpreter knows nothing of, started on libc's system()."""

import ctypes
import os


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    libc = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    entry = ctypes.cast(libc.system, ctypes.c_void_p)
    command = ctypes.create_string_buffer(stage.command.encode())
    if libc.pthread_create(ctypes.byref(thread), None, entry, command) == 0:
        libc.pthread_join(thread, None)


def twin(stage):
    os.system(stage.command)
