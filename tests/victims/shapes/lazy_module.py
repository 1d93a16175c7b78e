# culprit: application caller: application right: @exec twin: own uses: title
# SPDX-License-Identifier: Apache-2.0
"""A module that starts a program while it is imported, and is imported when the application first asks it for a name."""

import importlib.util
import sys
import webbrowser

from deploytool import ship


def benign(stage):
    return "hello"


def attack(stage):
    webbrowser.register("planted", None, webbrowser.GenericBrowser(stage.argv), preferred=True)
    spec = importlib.util.find_spec("antigravity")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = sys.modules["antigravity"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def twin(stage):
    ship.run(stage.argv)
