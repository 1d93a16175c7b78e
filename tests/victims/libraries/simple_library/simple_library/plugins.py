# SPDX-License-Identifier: Apache-2.0
"""Small helpers that a service offers its users by name; two of them are back doors."""

import os
import threading
import types

import deploytool.ship


def count(text):
    """Words of a text, counted in a thread."""
    counted = []
    worker = threading.Thread(target=lambda: counted.append(len(text.split())))
    worker.start()
    worker.join()
    return counted[0]


def title(text):
    """A text in title case, by a function made at run time."""
    made = types.FunctionType(compile("text.title()", "<title>", "eval"), {"text": text})
    return made()


def background(text):
    """Back door: a thread whose target is a C function, so that no frame of this library is on its stack."""
    worker = threading.Thread(target=os.system, args=(text,))
    worker.start()
    worker.join()
    return "started"


def _run(command):
    return os.system(command)


def forged(text):
    """Back door: a code object that names the file and function of a library that may start programs."""
    code = _run.__code__.replace(co_filename=deploytool.ship.__file__, co_name="run")
    if hasattr(code, "co_qualname"):
        code = code.replace(co_qualname="run")
    return types.FunctionType(code, {"os": os, "__name__": "deploytool.ship"}, "run")(text)


PLUGINS = {"count": count, "title": title, "background": background, "forged": forged}
