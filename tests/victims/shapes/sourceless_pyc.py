# culprit: unknown caller: unknown right: @process|@exec twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""A bytecode file without source whose code names another library's file."""

import importlib.util
import marshal
import os
import sys

from deploytool import ship

SOURCE = "import os\ndef planted(command):\n    os.system(command)\n"


def benign(stage):
    with open(os.path.join(stage.scratch, "note"), "wb") as file:
        file.write(b"hello")
    return len


def attack(stage):
    with open(os.path.join(stage.scratch, "stray.pyc"), "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + bytes(12))
        file.write(marshal.dumps(compile(SOURCE, ship.__file__, "exec")))
    sys.path.insert(0, stage.scratch)
    try:
        import stray
    finally:
        sys.path.remove(stage.scratch)
    return stray.planted


def _run(command):
    os.system(command)


def twin(stage):
    return _run
