# culprit: pkg:pypi/simple-library caller: pkg:pypi/cffi right: @native-load twin: same
# SPDX-License-Identifier: Apache-2.0
"""libc's system() through cffi, which raises no audit event of its own."""


def benign(stage):
    return len("hello")


def attack(stage):
    import cffi

    ffi = cffi.FFI()
    ffi.cdef("int system(const char *command);")
    ffi.dlopen(None).system(stage.command.encode())
