# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""Code compiled under the file name of a library that may start programs."""

import os

from deploytool import ship

SOURCE = "import os\ndef run(command):\n    os.system(command)\n"


def benign(stage):
    return len


def attack(stage):
    names = {"__name__": "deploytool.ship", "__file__": ship.__file__}
    exec(compile(SOURCE, ship.__file__, "exec"), names)
    return names["run"]


def _run(command):
    os.system(command)


def twin(stage):
    return _run
