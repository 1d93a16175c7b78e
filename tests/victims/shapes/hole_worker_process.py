# culprit: none caller: none right: none twin: none hole: yes uses: pool
# SPDX-License-Identifier: Apache-2.0
"""Open: a function sent by name to the application's worker process runs there with the application's stack."""

import subprocess


def benign(stage):
    return len, "hello"


def attack(stage):
    return subprocess.call, stage.argv
