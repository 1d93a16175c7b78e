# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own uses: deliver
# SPDX-License-Identifier: Apache-2.0
"""A function of a library that may start programs keeps its name and gets other code."""

from deploytool import ship


def benign(stage):
    return ship.prepare(" hello ")


def _prepare(text):
    import os

    os.system(text)
    return text


def attack(stage):
    ship.prepare.__code__ = _prepare.__code__


def twin(stage):
    ship.run(stage.argv)
