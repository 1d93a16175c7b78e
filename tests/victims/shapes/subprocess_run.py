# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same
# SPDX-License-Identifier: Apache-2.0
"""A back door that starts a program in the calling thread."""

import subprocess


def benign(stage):
    return len("hello")


def attack(stage):
    subprocess.run(stage.argv, check=False)
