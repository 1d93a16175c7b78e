# culprit: application caller: application right: @process|@exec twin: own uses: iterate
# SPDX-License-Identifier: Apache-2.0
"""An iterator that starts a shell when the application asks for the next item."""

import os


def benign(stage):
    return map(len, ["hello"])


def attack(stage):
    return map(os.system, [stage.command])


def twin(stage):
    return (os.system(command) for command in [stage.command])
