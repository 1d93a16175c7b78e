# culprit: pkg:pypi/simple-library caller: pkg:pypi/deploytool right: @process|@exec twin: own
# SPDX-License-Identifier: Apache-2.0
"""A thread started on a function that may start programs: the thread's maker is still the culprit."""

import threading

from deploytool import ship


def benign(stage):
    return ship.prepare(" hello ")


def attack(stage):
    worker = threading.Thread(target=ship.run, args=(stage.argv,))
    worker.start()
    worker.join()


def twin(stage):
    ship.run(stage.argv)
