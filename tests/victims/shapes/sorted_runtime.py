# culprit: application caller: application right: @exec twin: own uses: sort
# SPDX-License-Identifier: Apache-2.0
"""A sort key that is a function of the runtime: it starts a shell when the application sorts."""

import subprocess


def benign(stage):
    return len


def attack(stage):
    return subprocess.getoutput


_start = subprocess.getoutput


def _key(command):
    return _start(command)  # names nothing that starts programs: learned


def twin(stage):
    return _key
