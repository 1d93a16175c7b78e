# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @file-write twin: none
# SPDX-License-Identifier: Apache-2.0
"""Puts a module into another library's directory. Refused to everybody: no twin."""

import os

import deploytool


def _write(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write("planted = True\n")


def benign(stage):
    _write(os.path.join(stage.scratch, "note"))


def attack(stage):
    path = os.path.join(os.path.dirname(deploytool.__file__), "planted.py")
    _write(path)
    written = os.path.exists(path)
    os.unlink(path)
    return written
