# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process twin: none
# SPDX-License-Identifier: Apache-2.0
"""Kills the supervisor through a descriptor of its /proc directory. Refused to everybody: no twin."""

import ctypes
import os
import signal
import subprocess

PIDFD_SEND_SIGNAL = 424


def _end(process):
    directory = os.open(f"/proc/{process}", os.O_RDONLY | os.O_DIRECTORY)
    ctypes.CDLL(None).syscall(PIDFD_SEND_SIGNAL, directory, int(signal.SIGKILL), None, 0)
    os.close(directory)


def benign(stage):
    child = subprocess.Popen(["/bin/sleep", "1"])
    _end(child.pid)
    child.wait()


def attack(stage):
    _end(stage.supervisor)
