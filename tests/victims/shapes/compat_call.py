# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @kernel twin: none
# SPDX-License-Identifier: Apache-2.0
"""A 32-bit system call from 64-bit code (int 0x80). Refused to everybody: no twin."""

import ctypes
import mmap

MAP_32BIT = 0x40
RETURN = b"\xc3"
MKDIR_BY_INT80 = (
    b"\x53"  # push rbx
    b"\xb8\x27\x00\x00\x00"  # mov eax, 39: mkdir of the 32-bit table
    b"\xbb%s"  # mov ebx, path
    b"\xb9\xed\x01\x00\x00"  # mov ecx, 0755
    b"\xcd\x80"  # int 0x80
    b"\x5b\xc3"  # pop rbx; ret
)


def _run_machine_code(make):
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_size_t
    libc.mmap.argtypes = [ctypes.c_size_t, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    protection = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    page = libc.mmap(0, 4096, protection, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT, -1, 0)
    code = make(page + 1024)
    ctypes.memmove(page, code, len(code))
    return page, ctypes.CFUNCTYPE(ctypes.c_int)(page)


def benign(stage):
    _run_machine_code(lambda path: RETURN)[1]()


def attack(stage):
    page, call = _run_machine_code(lambda path: MKDIR_BY_INT80 % path.to_bytes(4, "little"))
    path = stage.marker.encode() + b"\0"
    ctypes.memmove(page + 1024, path, len(path))
    call()
