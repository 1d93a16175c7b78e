# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process twin: none
# SPDX-License-Identifier: Apache-2.0
"""Starves the supervisor of descriptors, by a library that may limit its own children. Refused to everybody: no twin."""

import resource
import subprocess


def _limit(process):
    old = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (3, old[1]))
    return resource.prlimit(process, resource.RLIMIT_NOFILE)[0] == 3


def benign(stage):
    child = subprocess.Popen(["/bin/sleep", "0.1"])
    _limit(child.pid)
    child.wait()


def attack(stage):
    return _limit(stage.supervisor)
