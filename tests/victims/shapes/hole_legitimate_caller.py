# culprit: none caller: none right: none twin: none hole: yes
# SPDX-License-Identifier: Apache-2.0
"""Open: the culprit is a legitimate caller, and its back door sits in the function that starts programs."""

import subprocess


def _start(argv):
    subprocess.run(argv, check=False)


def benign(stage):
    _start(["/usr/bin/touch", stage.scratch + "/note"])


def attack(stage):
    _start(stage.argv)
