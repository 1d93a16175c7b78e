# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @child-poison twin: none uses: program
# SPDX-License-Identifier: Apache-2.0
"""Sets LD_PRELOAD, so that the application's next child runs other code. Refused to everybody's children: no twin."""

import os


def benign(stage):
    os.environ["SIMPLE_LIBRARY_COLOUR"] = "blue"


def attack(stage):
    libraries = [os.environ.get("LD_PRELOAD", ""), stage.preload]
    os.environ["LD_PRELOAD"] = ":".join(filter(None, libraries))
