# culprit: runtime caller: runtime right: @exec twin: own uses: program
# SPDX-License-Identifier: Apache-2.0
"""A C callable planted in a vouching module fires beside the one function there that starts programs."""

import functools
import os
import subprocess

from deploytool import ship


def benign(stage):
    return len("hello")


def attack(stage):
    subprocess._cleanup = functools.partial(os.system, stage.command)


def twin(stage):
    ship.run(stage.argv)
