# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec|@device|@file-write twin: same
# SPDX-License-Identifier: Apache-2.0
"""A shell on a terminal of its own, through a module few people think of."""

import os
import pty


def benign(stage):
    return os.getpid()


def attack(stage):
    child, terminal = pty.fork()
    if child == 0:
        try:
            os.execv(stage.argv[0], stage.argv)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    os.close(terminal)
