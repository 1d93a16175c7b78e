# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @memory-exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""A program that is in no file: made in memory and started from there."""

import os


def _start(path):
    child = os.posix_spawn(path, [path], dict(os.environ))
    os.waitpid(child, 0)


def benign(stage):
    _start("/bin/true")


def attack(stage):
    program = os.memfd_create("program", 0)
    os.write(program, f"#!/bin/sh\n{stage.command}\n".encode())
    _start(f"/proc/self/fd/{program}")
    os.close(program)
