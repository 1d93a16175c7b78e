# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""A function of the standard library handed to the application's executor."""

import subprocess


def benign(stage):
    return stage.executor.submit(len, "hello").result()


def attack(stage):
    stage.executor.submit(subprocess.call, stage.argv).result()
