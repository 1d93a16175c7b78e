# culprit: none caller: none right: none twin: none hole: yes uses: program
# SPDX-License-Identifier: Apache-2.0
"""Open: a C callable planted inside a vouching module fires when the application starts a program of its own."""

import functools
import os
import subprocess


def benign(stage):
    return len("hello")


def attack(stage):
    subprocess._cleanup = functools.partial(os.system, stage.command)
