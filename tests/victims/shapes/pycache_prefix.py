# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: openat:read twin: own uses: call
# SPDX-License-Identifier: Apache-2.0
"""A hand-made bytecode file for a genuine module, found through sys.pycache_prefix."""

import importlib
import importlib.util
import marshal
import os
import sys

import deploytool

SOURCE = "import os\ndef planted(command):\n    os.system(command)\n"


def benign(stage):
    with open(os.path.join(stage.scratch, "note"), "wb") as file:
        file.write(b"hello")
    os.makedirs(os.path.join(stage.scratch, "cache"), exist_ok=True)
    return len


def attack(stage):
    source = os.path.join(os.path.dirname(deploytool.__file__), "spare.py")
    sys.pycache_prefix = os.path.join(stage.scratch, "cache")
    path = importlib.util.cache_from_source(source)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    facts = os.stat(source)
    with open(path, "wb") as file:
        file.write(importlib.util.MAGIC_NUMBER + (0).to_bytes(4, "little"))
        file.write(int(facts.st_mtime).to_bytes(4, "little") + (facts.st_size & 0xFFFFFFFF).to_bytes(4, "little"))
        file.write(marshal.dumps(compile(SOURCE, source, "exec")))
    try:
        return importlib.import_module("deploytool.spare").planted
    finally:
        sys.pycache_prefix = None


def _run(command):
    os.system(command)


def twin(stage):
    return _run
