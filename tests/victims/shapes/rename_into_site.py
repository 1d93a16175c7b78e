# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @file-write twin: none
# SPDX-License-Identifier: Apache-2.0
"""Renames a prepared module into another library's directory. Refused to everybody: no twin."""

import os

import deploytool


def _put(path, target):
    with open(path, "w", encoding="utf-8") as file:
        file.write("planted = True\n")
    os.rename(path, target)
    return os.path.exists(target)


def benign(stage):
    _put(os.path.join(stage.scratch, "draft"), os.path.join(stage.scratch, "note"))


def attack(stage):
    target = os.path.join(os.path.dirname(deploytool.__file__), "planted.py")
    placed = _put(os.path.join(stage.scratch, "draft"), target)
    os.unlink(target)
    return placed
