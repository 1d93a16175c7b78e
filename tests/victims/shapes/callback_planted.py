# culprit: pkg:pypi/deploytool caller: pkg:pypi/deploytool right: @process|@exec twin: own uses: deliver
# SPDX-License-Identifier: Apache-2.0
"""A C callable planted as a listener of a library that may start programs, though not from that function."""

import os

from deploytool import ship


def benign(stage):
    ship.on_delivery(len)


def attack(stage):
    ship.on_delivery(os.system)


def twin(stage):
    ship.run(stage.argv)
