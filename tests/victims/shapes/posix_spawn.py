# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""A program started by posix_spawn, which forks inside libc."""

import os


def benign(stage):
    return os.getpid()


def attack(stage):
    child = os.posix_spawn(stage.argv[0], stage.argv, dict(os.environ))
    os.waitpid(child, 0)
