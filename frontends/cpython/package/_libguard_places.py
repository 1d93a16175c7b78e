# SPDX-License-Identifier: Apache-2.0
"""Where the command and the client are: beside this package, else beside `libguard` on PATH."""

import os

_SITE = os.path.dirname(os.path.abspath(__file__))
_CLIENT = "libguard_preload.so"
_CLIENT_PLACES = ("lib", "lib/libguard", "lib/x86_64-linux-gnu")


def _prefixes():
    """PREFIX of PREFIX/lib/python3.X/site-packages, and of `pip install --target PREFIX`."""
    yield os.path.normpath(os.path.join(_SITE, "..", "..", ".."))
    yield _SITE


def _on_path():
    for directory in os.environ.get("PATH", os.defpath).split(":"):
        program = os.path.join(directory, "libguard")
        if directory and os.path.isfile(program) and os.access(program, os.X_OK):
            return os.path.realpath(program)
    return None


def program():
    """The libguard command; None if it is not installed."""
    for prefix in _prefixes():
        candidate = os.path.join(prefix, "bin", "libguard")
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return _on_path()


def client():
    """libguard_preload.so; None if it is not installed."""
    prefixes = list(_prefixes())
    command = _on_path()
    if command is not None:
        prefixes.append(os.path.dirname(os.path.dirname(command)))
    for prefix in prefixes:
        for place in _CLIENT_PLACES:
            candidate = os.path.join(prefix, place, _CLIENT)
            if os.path.isfile(candidate):
                return candidate
    return None
