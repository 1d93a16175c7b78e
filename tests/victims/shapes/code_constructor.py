# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @process|@exec twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""A code object made by its constructor, which went through marshal to shed its past."""

import marshal
import os
import types

from deploytool import ship


def benign(stage):
    return len


def _run(command):
    import os

    os.system(command)


def attack(stage):
    data = marshal.dumps(_run.__code__.replace(co_filename=ship.__file__))
    return types.FunctionType(marshal.loads(data), {"__name__": "deploytool.ship", "__builtins__": __builtins__})


def twin(stage):
    return _run
