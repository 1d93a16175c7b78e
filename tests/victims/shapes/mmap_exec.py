# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @memory-exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""Machine code written into memory by a library that may use ctypes."""

import ctypes
import mmap

RETURN_42 = b"\xb8\x2a\x00\x00\x00\xc3"


def benign(stage):
    return ctypes.CDLL(None).getpid()


def attack(stage):
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(RETURN_42)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)() == 42
