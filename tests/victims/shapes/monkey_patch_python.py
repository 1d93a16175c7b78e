# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own uses: deliver
# SPDX-License-Identifier: Apache-2.0
"""A function of a library that may start programs is replaced by one of the culprit's."""

import os

from deploytool import ship


def benign(stage):
    return ship.prepare(" hello ")


def _prepare(text):
    os.system(text)
    return text


def attack(stage):
    ship.prepare = _prepare


def twin(stage):
    ship.run(stage.argv)
