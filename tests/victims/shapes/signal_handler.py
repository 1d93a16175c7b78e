# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: same uses: signal
# SPDX-License-Identifier: Apache-2.0
"""A signal handler: it runs on top of whatever the application was doing."""

import os
import signal


def benign(stage):
    signal.signal(signal.SIGUSR1, lambda number, frame: None)


def attack(stage):
    signal.signal(signal.SIGUSR1, lambda number, frame: os.system(stage.command))
