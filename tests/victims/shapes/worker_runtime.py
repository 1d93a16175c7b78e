# culprit: application caller: application right: @exec twin: own uses: pool
# SPDX-License-Identifier: Apache-2.0
"""A function of the runtime that starts programs, sent by name to the application's worker process."""

import subprocess


def benign(stage):
    return len, "hello"


def attack(stage):
    return subprocess.call, stage.argv


def run(argv):
    return subprocess.call(argv)


def twin(stage):
    return run, stage.argv
