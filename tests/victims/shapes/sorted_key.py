# culprit: application caller: application right: @process|@exec twin: own uses: sort
# SPDX-License-Identifier: Apache-2.0
"""A sort key that starts a shell when the application sorts."""

import os


def benign(stage):
    return len


def attack(stage):
    return os.system


def _key(command):
    return os.system(command)


def twin(stage):
    return _key
