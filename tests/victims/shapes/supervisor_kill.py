# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process twin: none
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
