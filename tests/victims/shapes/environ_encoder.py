# culprit: runtime caller: runtime right: @exec twin: own uses: settings
# SPDX-License-Identifier: Apache-2.0
"""A C callable planted in a vouching module fires when the application reads a variable of the environment."""

import functools
import os

from deploytool import ship


def benign(stage):
    return len("hello")


def attack(stage):
    os.environ.encodekey = functools.partial(max, stage.command, key=os.system)


def twin(stage):
    ship.run(stage.argv)
