# culprit: unknown caller: unknown right: @process|@exec twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""A source file written while the program runs, then imported like any other."""

import os
import sys

SOURCE = "import os\ndef planted(command):\n    os.system(command)\n"


def benign(stage):
    with open(os.path.join(stage.scratch, "note"), "wb") as file:
        file.write(b"hello")
    return len


def attack(stage):
    with open(os.path.join(stage.scratch, "stray_module.py"), "w", encoding="utf-8") as file:
        file.write(SOURCE)
    sys.path.insert(0, stage.scratch)
    try:
        import stray_module
    finally:
        sys.path.remove(stage.scratch)
    return stray_module.planted


def _run(command):
    os.system(command)


def twin(stage):
    return _run
