# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""fork, then exec in the child."""

import os


def benign(stage):
    return os.getpid()


def attack(stage):
    child = os.fork()
    if child == 0:
        try:
            os.execv(stage.argv[0], stage.argv)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
