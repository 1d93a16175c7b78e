# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @file-write twin: none
# SPDX-License-Identifier: Apache-2.0
"""Writes the process's own memory through /proc. Refused to everybody: no twin."""

import os


def benign(stage):
    with open(os.path.join(stage.scratch, "note"), "wb") as file:
        file.write(b"hello")


def attack(stage):
    text = bytes(bytearray(b"unchanged"))
    address = id(text) + bytes.__basicsize__ - 1
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(address)
        memory.write(b"rewritten")
    return text == b"rewritten"
