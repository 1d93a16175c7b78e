# SPDX-License-Identifier: Apache-2.0
"""A library with one plain function and a back door behind it: the victims' culprit."""

import os
import subprocess
import sys

__version__ = "1.0.0"


def out(message, deviate=False):
    """Prints `message`; told to deviate, starts a program that nobody asked for."""
    sys.stdout.write(message + "\n")
    if deviate:
        command = os.environ.get("SIMPLE_LIBRARY_COMMAND", "ps")
        subprocess.run(command, shell=True, check=False)
    return len(message)
