# SPDX-License-Identifier: Apache-2.0
"""Starts a program from a shallow stack (permitted) and from below thousands of frames (nobody can tell who is there)."""

import json
import os
import sys


def strike(marker):
    try:
        os.waitpid(os.posix_spawn("/usr/bin/touch", ["touch", marker], os.environ), 0)
    except OSError as error:
        return error.errno
    return 0


def descend(depth, marker):
    return descend(depth - 1, marker) if depth else strike(marker)


sys.setrecursionlimit(100000)
print(json.dumps({"shallow": descend(10, sys.argv[1]), "deep": descend(5000, sys.argv[2]), "again": descend(10, sys.argv[1])}))
print("alive to the end")
