# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same uses: call
# SPDX-License-Identifier: Apache-2.0
"""A function given to the application, which calls it."""

import os


def benign(stage):
    return lambda command: len(command)


def attack(stage):
    return lambda command: os.system(command)
