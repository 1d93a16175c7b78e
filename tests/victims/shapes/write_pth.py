# culprit: pkg:pypi/simple-library caller: pkg:pypi/simple-library right: @file-write twin: none
# SPDX-License-Identifier: Apache-2.0
"""Puts a .pth line into site-packages, to run at the start of every later program. Refused to everybody: no twin."""

import os

import deploytool


def _write(path):
    with open(path, "w", encoding="utf-8") as file:
        file.write("import sys\n")


def benign(stage):
    _write(os.path.join(stage.scratch, "note"))


def attack(stage):
    path = os.path.join(os.path.dirname(os.path.dirname(deploytool.__file__)), "planted.pth")
    _write(path)
    written = os.path.exists(path)
    os.unlink(path)
    return written
