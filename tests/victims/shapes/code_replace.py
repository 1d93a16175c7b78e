# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""A code object whose file and name are replaced by those of a function that may start programs."""

import os
import types

from deploytool import ship


def benign(stage):
    return len


def _run(command):
    os.system(command)


def attack(stage):
    code = _run.__code__.replace(co_filename=ship.__file__, co_name="run")
    if hasattr(code, "co_qualname"):
        code = code.replace(co_qualname="run")
    return types.FunctionType(code, {"os": os, "__name__": "deploytool.ship"}, "run")


def twin(stage):
    return _run
