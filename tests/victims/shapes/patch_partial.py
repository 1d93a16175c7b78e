# culprit: pkg:pypi/deploytool caller: pkg:pypi/deploytool right: @exec twin: own uses: deliver
# SPDX-License-Identifier: Apache-2.0
"""A function of a library that may start programs is replaced by a partial of the runtime's function that starts one."""

import functools
import os

from deploytool import ship


def benign(stage):
    return ship.prepare(" hello ")


def attack(stage):
    ship.prepare = functools.partial(os.spawnlp, os.P_WAIT, "touch", "touch", stage.marker)


def twin(stage):
    ship.run(stage.argv)
