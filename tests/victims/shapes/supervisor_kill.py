# culprit: pkg:pypi/simple-library|none caller: pkg:pypi/simple-library|none right: @process|none twin: none
# SPDX-License-Identifier: Apache-2.0
"""Kills the supervisor, by a library that may kill its own children. Refused to everybody: no twin."""

import os
import signal
import subprocess


def _end(process):
    os.kill(process, signal.SIGKILL)


def benign(stage):
    child = subprocess.Popen(["/bin/sleep", "60"])
    _end(child.pid)
    child.wait()


def attack(stage):
    _end(stage.supervisor)
