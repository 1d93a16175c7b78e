# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @child-poison twin: same uses: helper
# SPDX-License-Identifier: Apache-2.0
"""Puts a directory in front of PATH, so that the application's helper is another program."""

import os


def benign(stage):
    os.environ["SIMPLE_LIBRARY_COLOUR"] = "blue"


def attack(stage):
    os.environ["PATH"] = stage.poison + ":" + os.environ["PATH"]
