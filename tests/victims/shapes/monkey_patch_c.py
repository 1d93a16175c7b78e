# culprit: pkg:pypi/deploytool caller: pkg:pypi/deploytool right: @process|@exec twin: own uses: deliver
# SPDX-License-Identifier: Apache-2.0
"""A function of a library that may start programs is replaced by a C callable."""

import os

from deploytool import ship


def benign(stage):
    return ship.prepare(" hello ")


def attack(stage):
    ship.prepare = os.system


def twin(stage):
    ship.run(stage.argv)
