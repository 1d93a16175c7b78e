# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""A back door that starts a shell with no module between it and the call."""

import os


def benign(stage):
    return os.getpid()


def attack(stage):
    os.system(stage.command)
