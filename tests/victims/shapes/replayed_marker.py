# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @privilege twin: own
# SPDX-License-Identifier: Apache-2.0
"""Marker calls with the true nonce, found in the process's own memory, then a shell."""

import ctypes
import os

LG_PRCTL, RESOLVE, ENTER = 0x4C47, 3, 6


def benign(stage):
    return ctypes.CDLL(None).getpid()


def _candidates():
    """First words of all private writable mappings: one of them is the area with its nonce."""
    libc = ctypes.CDLL(None)
    reader, writer = os.pipe()
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            fields = line.split()
            start = int(fields[0].split("-")[0], 16)
            # Through a pipe: a mapping may begin with guard pages (stacks of glibc 2.42), at which a look would be the end.
            if fields[1] == "rw-p" and len(fields) == 5 and libc.write(writer, ctypes.c_void_p(start), 8) == 8:
                yield int.from_bytes(os.read(reader, 8), "little")


def attack(stage):
    prctl = ctypes.CDLL(None).prctl
    for nonce in _candidates():
        for number in range(1, 8):
            prctl(LG_PRCTL, ENTER, ctypes.c_ulong(number), 0, ctypes.c_ulong(nonce))
    os.system(stage.command)


def twin(stage):
    os.system(stage.command)
