# culprit: pkg:pypi/simple-library caller: pkg:pypi/deploytool right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""The culprit calls the function that may start programs: it is still on the stack."""

from deploytool import ship


def benign(stage):
    return ship.prepare(" hello ")


def attack(stage):
    ship.run(stage.argv)


def twin(stage):
    ship.run(stage.argv)
