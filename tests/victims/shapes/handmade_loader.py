# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""A module made by hand: spec, loader and origin say it is another library's."""

import importlib.abc
import importlib.util
import os
import sys

from deploytool import ship

SOURCE = "import os\ndef run(command):\n    os.system(command)\n"


class Loader(importlib.abc.Loader):
    """Executes other text than the file that it names."""

    def exec_module(self, module):
        exec(compile(SOURCE, module.__spec__.origin, "exec"), module.__dict__)


def benign(stage):
    return len


def attack(stage):
    origin = os.path.join(os.path.dirname(ship.__file__), "spare.py")
    spec = importlib.util.spec_from_loader("deploytool.spare", Loader(), origin=origin)
    module = importlib.util.module_from_spec(spec)
    sys.modules["deploytool.spare"] = module
    spec.loader.exec_module(module)
    return module.run


def _run(command):
    os.system(command)


def twin(stage):
    return _run
