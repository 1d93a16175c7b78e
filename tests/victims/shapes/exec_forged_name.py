# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""A string executed in a namespace that bears another library's name."""

import os

import deploytool.ship

SOURCE = "def run(command):\n    import os\n    os.system(command)\n"


def benign(stage):
    return len


def attack(stage):
    names = {name: getattr(deploytool.ship, name) for name in ("__name__", "__file__", "__spec__", "__loader__")}
    exec(SOURCE, names)
    return names["run"]


def _run(command):
    os.system(command)


def twin(stage):
    return _run
