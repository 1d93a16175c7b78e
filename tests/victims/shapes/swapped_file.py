# culprit: unknown caller: unknown right: @process|@exec twin: own uses: pair
# SPDX-License-Identifier: Apache-2.0
"""A code file that is another one by the time it is looked up: a second process swaps the directory above it.

One directory holds a forged file, the other a link to the genuine one, made long before.
"""

import functools
import io
import os
import signal
import time

import deploytool

NAME = "swapped_file.py"
SOURCE = b"import os\ndef _run(command):\n    os.system(command)\n" + b"#" * 4_000_000  # takes time to read
SECONDS = 2


def _prepare(stage):
    """(the old directory, the forged one, the name that both take in turn)"""
    old, forged = os.path.join(os.path.dirname(stage.scratch), "old"), os.path.join(stage.scratch, "forged")
    os.makedirs(forged, exist_ok=True)
    with open(os.path.join(forged, NAME), "wb") as file:
        file.write(SOURCE)
    if not os.path.isdir(old):
        os.makedirs(old)
        os.symlink(os.path.join(os.path.dirname(deploytool.__file__), "shapes", NAME), os.path.join(old, NAME))
    return old, forged, os.path.join(stage.scratch, "now")


def _swap(old, forged, now, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for directory in (forged, old):
            # The pool may end this process at any moment: not between the two, the next run needs the old directory.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            os.rename(directory, now)
            os.rename(now, directory)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _load(now):
    """Functions of the forged file, for the application to call; one that passes for the genuine file's is enough."""
    found, end = [], time.monotonic() + SECONDS
    while time.monotonic() < end and len(found) < 100:
        try:
            with io.open_code(os.path.join(now, NAME)) as file:
                data = file.read()
        except OSError:
            continue
        if data != SOURCE:
            continue
        names = {}
        exec(compile(data, NAME, "exec"), names)
        found.append(names["_run"])
    return found


def benign(stage):
    old, forged, now = _prepare(stage)
    _swap(old, forged, now, 0.01)
    return (_swap, (old, forged, now, 0.01)), functools.partial(list, [len])


def attack(stage):
    old, forged, now = _prepare(stage)
    return (_swap, (old, forged, now, SECONDS)), functools.partial(_load, now)


def _run(command):
    os.system(command)


def twin(stage):
    return (len, ("nothing to swap",)), functools.partial(list, [_run])
