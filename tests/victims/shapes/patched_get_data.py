# culprit: unknown caller: unknown right: @process|@exec twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""The genuine loader for a genuine file, but the bytes that it reads are other ones."""

import importlib.util
import os
from importlib.machinery import SourceFileLoader

from deploytool import ship

SOURCE = b"import os\ndef run(command):\n    os.system(command)\n"


class Loader(SourceFileLoader):
    """Reads other bytes than the file holds, and leaves no trace of them."""

    def get_data(self, path):
        return SOURCE

    def path_stats(self, path):
        raise OSError(path)


def benign(stage):
    return len


def attack(stage):
    origin = os.path.join(os.path.dirname(ship.__file__), "spare.py")
    spec = importlib.util.spec_from_file_location("deploytool.spare", origin, loader=Loader("deploytool.spare", origin))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.run


def _run(command):
    os.system(command)


def twin(stage):
    return _run
