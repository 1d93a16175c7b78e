# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""A C callable wrapped in partial, mapped over the application's executor."""

import functools
import os


def benign(stage):
    return list(stage.executor.map(functools.partial(max, 1), [2]))


def attack(stage):
    call = functools.partial(os.posix_spawn, stage.argv[0], stage.argv)
    for child in stage.executor.map(call, [dict(os.environ)]):
        os.waitpid(child, 0)
