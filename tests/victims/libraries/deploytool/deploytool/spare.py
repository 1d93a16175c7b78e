# SPDX-License-Identifier: Apache-2.0
"""Loaded by nobody but forgers: they try to pass other code off as this file."""


def planted(command):
    """The genuine function does nothing with a command."""
    return len(command)
