# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own uses: deliver
# SPDX-License-Identifier: Apache-2.0
"""A Python callable planted as a listener of a library that may start programs."""

import os

from deploytool import ship


def benign(stage):
    ship.on_delivery(lambda text: len(text))


def attack(stage):
    ship.on_delivery(lambda text: os.system(text))


def twin(stage):
    ship.run(stage.argv)
