# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""A C callable handed to the application's executor, whose workers exist already."""

import os


def benign(stage):
    return stage.executor.submit(len, "hello").result()


def attack(stage):
    stage.executor.submit(os.system, stage.command).result()
