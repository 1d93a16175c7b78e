# SPDX-License-Identifier: Apache-2.0
"""Callables without a frame of a library carry their submitter's note; others cost nothing."""

import asyncio
import concurrent.futures
import contextvars
import functools
import gc
import os
import sys
import time
import urllib.parse

import probe
from probe import check

import liba


def own(*args):
    return 7


def kinds():
    """Kinds of the messages since the last look."""
    gc.collect()
    return [word.split(":")[0] for word in probe.log()]


WHOLE = ["note", "enter", "enter", "release"]
numbers = None
with concurrent.futures.ThreadPoolExecutor(1) as pool:
    def submitted(label, wanted, function, *args, **kwargs):
        probe.log()
        result = pool.submit(function, *args, **kwargs).result()
        pool.submit(own).result()  # the worker has let go of the one before
        check("executor: " + label, kinds(), wanted)
        return result

    submitted("own function", [], own)
    submitted("library's function", [], liba.plain)
    submitted("partial of an own function", [], functools.partial(own, 1), 2)
    check("result", submitted("C function", WHOLE, os.getpid), os.getpid())
    check("result", submitted("C function with arguments", WHOLE, max, 3, 5), 5)
    check("result", submitted("keywords", WHOLE, sorted, [1, 3, 2], reverse=True), [3, 2, 1])
    check("result", submitted("runtime function", WHOLE, urllib.parse.quote, "a b"), "a%20b")
    submitted("partial of a C function", WHOLE, functools.partial(max, 1), 2)
    submitted("method of a container", [], [].append, 1)
    submitted("method of a container that calls", WHOLE, [].extend, ())
    submitted("bound method of a C type", WHOLE, "x".upper)
    submitted("class", WHOLE, dict)
    submitted("context of a C function", WHOLE, contextvars.copy_context().run, os.getpid)
    submitted("context of an own function", [], contextvars.copy_context().run, own)
    check("error passes", type(pool.submit(int, "x").exception()), ValueError)
    kinds()
    ids = []
    pool.submit(os.getpid).result()
    pool.submit(own).result()
    gc.collect()
    words = probe.log()
    check("one number, entered and left", [w.split(":")[1] for w in words],
          [words[0].split(":")[1]] * 2 + ["0", words[0].split(":")[1]])

if sys.version_info >= (3, 14):
    # What leaves this interpreter stays as it is.
    kinds()
    with concurrent.futures.InterpreterPoolExecutor(1) as pool:
        check("another interpreter's", pool.submit(int, "ff", base=16).result(), 255)
    check("executor of interpreters", kinds(), [])


async def main():
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    kinds()
    await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0.001), asyncio.create_task(asyncio.sleep(0)))
    check("tasks cost nothing", kinds(), [])
    reader, writer = await asyncio.open_unix_connection(sock=pair[0])
    writer.write(b"x")
    await writer.drain()
    writer.close()
    check("streams cost nothing", kinds(), [])

    async def later(label, wanted, schedule):
        kinds()
        schedule()
        await asyncio.sleep(0.01)
        check("loop: " + label, kinds(), wanted)

    await later("own function", [], lambda: loop.call_soon(own))
    await later("C function", WHOLE, lambda: loop.call_soon(os.getpid))
    await later("C function with arguments", WHOLE, lambda: loop.call_soon(max, 1, 2))
    await later("call_later", WHOLE, lambda: loop.call_later(0.001, os.getpid))
    await later("call_soon_threadsafe", WHOLE, lambda: loop.call_soon_threadsafe(os.getpid))
    await later("runtime function", WHOLE, lambda: loop.call_soon(urllib.parse.quote, "x"))
    await later("cancelled", ["note", "release"], lambda: loop.call_later(0.001, os.getpid).cancel())
    kinds()
    check("result", await asyncio.to_thread(max, 4, 9), 9)
    await asyncio.to_thread(own)
    check("to_thread", kinds(), WHOLE)
    check("result", await loop.run_in_executor(None, max, 4, 9), 9)
    await asyncio.to_thread(own)
    check("run_in_executor", kinds(), WHOLE)
    # Nothing can be taken out of it.
    handle = loop.call_later(60, os.system, "exit 0")
    inside = handle._callback
    check("arguments are inside", handle._args, ())
    check("no referents", gc.get_referents(inside) in ([], [type(inside)]), True)
    check("no attributes", [n for n in dir(inside) if not n.startswith("__")], [])
    for call in (lambda: inside("touch /tmp/x"), lambda: inside(command="x"), lambda: type(inside)(os.system)()):
        try:
            call()
            check("other arguments", "passed", TypeError)
        except TypeError:
            pass
    handle.cancel()


import socket

pair = socket.socketpair()
asyncio.run(main())
check("constructor keeps its name", asyncio.events.Handle.__name__, "Handle")
probe.finish()
