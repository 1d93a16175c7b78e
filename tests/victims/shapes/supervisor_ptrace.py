# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @inspect twin: none
# SPDX-License-Identifier: Apache-2.0
"""Traces the supervisor, by a library that may trace its own children. Refused to everybody: no twin."""

import ctypes
import subprocess

PTRACE_SEIZE = 0x4206


def _trace(process):
    return ctypes.CDLL(None).ptrace(PTRACE_SEIZE, process, None, None) == 0


def benign(stage):
    child = subprocess.Popen(["/bin/sleep", "0.1"])
    _trace(child.pid)
    child.wait()


def attack(stage):
    return _trace(stage.supervisor)
