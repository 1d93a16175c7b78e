# SPDX-License-Identifier: Apache-2.0
"""Makes every call of CALLS out of every way of CONTEXTS into and out of Python functions. Usage: main.py FOLDER

Each library of libraries/ has its own ways; the sets of libraries on the stack differ from way to way.
"""

import asyncio
import functools
import os
import socket
import sys
import threading

import lgouter
import lginner

FOLDER = sys.argv[1]
FILE = os.path.join(FOLDER, "file")


def quietly(call, *arguments):
    try:
        call(*arguments)
    except OSError:
        pass


CALLS = [
    lambda: os.close(os.open(FILE, os.O_RDONLY)),
    lambda: quietly(os.stat, FILE),
    lambda: quietly(os.rmdir, os.path.join(FOLDER, "missing")),
    lambda: quietly(os.chmod, FILE, 0o600),
    lambda: quietly(os.readlink, FILE),
    lambda: quietly(os.unlink, os.path.join(FOLDER, "missing")),
    lambda: socket.socket(socket.AF_UNIX).close(),
]


async def awaited(work):
    await asyncio.sleep(0)
    return await lginner.awaited(work)


def in_thread(work):
    thread = threading.Thread(target=lgouter.through, args=(work,))
    thread.start()
    thread.join()


def in_child(work):
    """The child returns through its maker's frames before it ends."""
    if lgouter.forked(work) == 0:
        work()
        os._exit(0)
    os.wait()


def thrown(work):
    values = lginner.catching(work)
    next(values)
    try:
        values.throw(ValueError())
    except StopIteration:
        pass


def closed(work):
    values = lginner.closing(work)
    next(values)
    values.close()


CONTEXTS = [
    lambda work: work(),
    lambda work: lgouter.through(work),
    lambda work: lgouter.through(lginner.through, work),
    lambda work: lginner.through(lgouter.through, work),
    lambda work: lginner.deep(300, work),
    lambda work: [value() for value in lgouter.each([work, work])],
    lambda work: list(map(lambda value: value(), lginner.each([work]))),
    lambda work: sorted([work], key=lambda value: value() or 0),
    lambda work: functools.reduce(lambda _, value: lgouter.through(value), [work, work], None),
    lambda work: lginner.Held(work).held,
    lambda work: lginner.Held(work)[0],
    lambda work: lgouter.raising(lginner.raises, work),
    lambda work: (lgouter.raising(lginner.raises, str), work()),
    lambda work: asyncio.run(awaited(work)),
    in_thread,
    in_child,
    thrown,
    closed,
]


def main():
    open(FILE, "w", encoding="utf-8").close()
    for context in CONTEXTS:
        for call in CALLS:
            context(call)


if __name__ == "__main__":
    main()
