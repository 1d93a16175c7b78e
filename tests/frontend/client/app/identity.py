# SPDX-License-Identifier: Apache-2.0
"""Code of files: every function has its file's library and its qualified name, on first import and from the cache."""

import importlib._bootstrap
import json
import os
import sys

import probe
from probe import APPLICATION, LIBA, LIBB, RUNTIME, belongs

import liba
import libb
import young


def own():
    pass


class Own:
    def method(self):
        pass


belongs("main function", own, APPLICATION, "identity.own")
belongs("main method", Own.method, APPLICATION, "identity.Own.method")
belongs("main body", sys._getframe().f_code, APPLICATION, "identity.<module>")
belongs("imported by main", probe.check, APPLICATION, "probe.check")
belongs("function", liba.plain, LIBA, "liba.plain")
belongs("inner", liba.plain(), LIBA, "liba.plain.<locals>.inner")
belongs("lambda", liba.plain()(), LIBA, "liba.plain.<locals>.inner.<locals>.<lambda>")
belongs("wrapper", liba.wrapped, LIBA, "liba.decorated.<locals>.wrapper")
belongs("method", liba.Thing.method, LIBA, "liba.Thing.method")
belongs("local class", liba.Thing().method().deep, LIBA, "liba.Thing.method.<locals>.Local.deep")
belongs("property", liba.Thing.value.fget, LIBA, "liba.Thing.value")
belongs("static method", liba.Thing.fixed, LIBA, "liba.Thing.fixed")
belongs("module lambda", liba.comprehension, LIBA, "liba.<lambda>")
belongs("other library", libb.run, LIBB, "libb.run")
probe.unknown("file that nobody vouches for", young.appeared)
belongs("standard library", json.dumps, RUNTIME, "json.dumps")
belongs("method of it", json.JSONDecoder.decode, RUNTIME, "json.decoder.JSONDecoder.decode")
belongs("module that may be frozen", os.path.join, RUNTIME, "posixpath.join")
belongs("frozen importlib", importlib._bootstrap._find_and_load, RUNTIME, "importlib._bootstrap._find_and_load")
belongs("a class of it", importlib._bootstrap.ModuleSpec.__init__, RUNTIME, "importlib._bootstrap.ModuleSpec.__init__")
belongs("its static method", importlib._bootstrap.BuiltinImporter.exec_module, RUNTIME,
        "importlib._bootstrap.BuiltinImporter.exec_module")
external = importlib._bootstrap._bootstrap_external
belongs("its other half", external.SourceLoader.get_code, RUNTIME, probe.entry(external._path_join).split()[1].replace(
    "_path_join", "SourceLoader.get_code"))
probe.check("lost", probe.ask("lost"), "0 0")

# Every function that exists is known, but for code that makes itself known as unknown.
import gc
import types

missing = [f for f in gc.get_objects() if isinstance(f, types.FunctionType) and probe.entry(f) == "none"]
probe.check("functions without an entry", [f.__qualname__ for f in missing], [])
probe.finish()
