# SPDX-License-Identifier: Apache-2.0
"""Every shape of stack that CPython makes: the walk must see just the frames that the interpreter shows."""

import asyncio
import contextlib
import ctypes
import functools
import os
import re
import signal
import subprocess
import sys
import threading
import warnings
import weakref

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

client = harness.Client()
client.hello()
results = []


def check(name, held=False, outer=()):
    answer = harness.compare(held, outer)
    good = 0 <= answer < harness.MISMATCH
    results.append((name, good))
    if not good:
        print("BAD %s: %x" % (name, answer), file=sys.stderr)
    return answer


def both(name):
    """With the GIL given up during the call, and held."""
    check(name)
    check(name + ", GIL held", True)


def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    thread.join()


def calls_and_recursion():
    both("function")

    def recurse(n):
        both("recursion") if n == 0 else recurse(n - 1)

    for depth in (1, 5, 50, 300, 900):
        recurse(depth)
    (lambda: both("lambda"))()
    [check("list comprehension") for _ in range(1)]
    {check("dict comprehension"): 1 for _ in range(1)}
    exec(compile("check('exec')", "<text>", "exec"))
    eval("check('eval')")


def deep_recursion():
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(7000)

    def recurse(n):
        return check("deep recursion") if n == 0 else recurse(n - 1)

    recurse(3500)
    answer = recurse(4500)  # more than LG_MAX_FRAMES: must say so
    results.append(("too deep is flagged", harness.flags(answer) & harness.TRUNCATED != 0))
    sys.setrecursionlimit(limit)


def generators():
    def inner():
        both("generator")
        yield 1
        both("generator, resumed")
        yield 2

    def outer():
        yield from inner()

    list(outer())

    def thrown():
        try:
            yield 1
        except KeyError:
            both("generator.throw")
            yield 2
        finally:
            check("generator.close")

    g = thrown()
    next(g)
    g.throw(KeyError)
    g.close()
    g = outer()
    next(g)
    check("beside a suspended generator")
    h = thrown()
    next(h)
    del h
    check("after a generator was deleted")
    sum(check("generator expression") * 0 for _ in range(2))


def exceptions():
    def third():
        try:
            int("x")
        except ValueError:
            both("except")
            raise KeyError
        finally:
            both("finally")

    def second():
        third()

    try:
        second()
    except KeyError:
        both("after three frames were unwound")
    check("after except")

    class Manager:
        def __enter__(self):
            both("__enter__")
            return self

        def __exit__(self, *_):
            both("__exit__")
            return True

    with Manager():
        raise ValueError

    @contextlib.contextmanager
    def manager():
        check("contextmanager, enter")
        try:
            yield
        except ValueError:
            check("contextmanager, exit with an exception")

    with manager():
        raise ValueError

    def endless():
        endless()

    try:
        endless()
    except RecursionError:
        both("after RecursionError")


def callbacks_from_c():
    sorted([2, 1], key=lambda x: (both("sorted key"), x)[1])
    list(map(lambda x: both("map"), [1]))
    list(filter(lambda x: both("filter"), [1]))
    functools.reduce(lambda a, b: both("reduce"), [1, 2])
    functools.partial(check, "partial")()
    re.sub("a", lambda m: (both("re.sub"), "b")[1], "a")
    max([1, 2], key=lambda x: (check("max key"), x)[1])
    compare_type = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    array = (ctypes.c_int * 2)(2, 1)
    ctypes.CDLL(None).qsort(array, 2, 4, compare_type(lambda a, b: (both("ctypes callback"), a[0] - b[0])[1]))
    value = weakref.WeakSet()

    class Node:
        pass

    node = Node()
    value.add(node)
    reference = weakref.ref(node, lambda _: both("weakref callback"))
    del node
    node = Node()
    weakref.finalize(node, both, "weakref.finalize")
    del node, reference


class Meta(type):
    def __new__(mcs, *arguments):
        both("metaclass __new__")
        return super().__new__(mcs, *arguments)

    def __call__(cls, *arguments):
        check("metaclass __call__")
        return super().__call__(*arguments)


def special_methods():
    class Object(metaclass=Meta):
        check("class body")

        def __init__(self):
            both("__init__")

        def __del__(self):
            both("__del__")

        def __getattr__(self, name):
            both("__getattr__")

        def __eq__(self, other):
            check("__eq__")
            return True

        def __hash__(self):
            check("__hash__")
            return 1

        def __iter__(self):
            check("__iter__")
            return iter(())

        @property
        def size(self):
            both("property")

        @classmethod
        def of_class(cls):
            check("classmethod")

    one = Object()
    one.missing, one.size, [one].index(Object()), {one: 1}, list(one)
    Object.of_class()
    del one

    class Small:
        def __init__(self, say):
            if say:
                both("specialised __init__")

    def make(say):
        return Small(say)

    for _ in range(3000):
        make(False)
    make(True)
    Small.__call__ = lambda self: both("__call__")
    make(False)()


def coroutines():
    async def leaf():
        both("coroutine")
        await asyncio.sleep(0)
        both("coroutine, after a switch")

    async def middle():
        await leaf()

    async def agen():
        both("async generator")
        yield 1
        await asyncio.sleep(0)
        both("async generator, resumed")
        yield 2

    class AsyncManager:
        async def __aenter__(self):
            check("__aenter__")

        async def __aexit__(self, *_):
            check("__aexit__")

    async def cancelled():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            both("cancelled task")
            raise

    async def main():
        await asyncio.gather(middle(), middle())
        async for _ in agen():
            pass
        async with AsyncManager():
            check("async with")
        task = asyncio.ensure_future(cancelled())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, both, "run_in_executor")
        loop.call_soon(both, "call_soon")
        await asyncio.sleep(0.001)

    asyncio.run(main())


def threads():
    for i in range(4):
        in_thread(both, "thread %d" % i)
    events = [threading.Event() for _ in range(3)]

    def wait(i):
        events[i].wait()
        both("one of three living threads")

    living = [threading.Thread(target=wait, args=(i,)) for i in range(3)]
    for thread in living:
        thread.start()
    for i in (2, 0, 1):
        events[i].set()
        living[i].join()
    both("main thread after threads")
    native = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
    callback = native(lambda _: both("thread made by C"))
    for _ in range(3):
        handle = ctypes.c_ulong()
        if ctypes.CDLL(None).pthread_create(ctypes.byref(handle), None, callback, None) == 0:
            ctypes.CDLL(None).pthread_join(handle, None)


def signals_and_tracing():
    signal.signal(signal.SIGUSR1, lambda *_: both("signal handler"))
    os.kill(os.getpid(), signal.SIGUSR1)

    def traced():
        both("traced")

    sys.settrace(lambda *_: None)
    traced()
    sys.settrace(lambda frame, event, _: check("inside the trace function") and None)
    (lambda: None)()
    sys.settrace(None)
    sys.setprofile(lambda *_: None)
    traced()
    sys.setprofile(None)


def names_and_libraries():
    client.tag(id(check.__code__), 9)
    client.tag(id(harness.compare.__code__), 2)
    client.tag(id(names_and_libraries.__code__), 7)

    def inner():
        return check("caller")

    client.tag(id(inner.__code__), 2)
    results.append(("caller is the innermost that is not runtime", harness.caller(inner()) == 9))
    client.tag(id(check.__code__), 2)
    client.untag(id(harness.compare.__code__))
    client.tag(id(harness.compare.__code__), 2)
    client.area.epoch += 1
    answer = check("caller after a change")
    results.append(("caller is the next one out", harness.caller(answer) == 7))
    for qualname in ("call", "Outer.inner", "x" * 300, "f\u00fc"):
        client.tag(id(harness.call.__code__), 2, 0, client.add_name("harness", qualname))
        client.area.epoch += 1
        text = ctypes.create_string_buffer(("harness." + qualname).encode())
        same = harness.call(harness.NAME, ctypes.addressof(text), len(text.value))
        results.append(("name of a function", same == 1))


def reused_code():
    """A code object is freed and another library's gets its address: the first one's entry must not be believed."""
    source, wrong, reused = "answer = harness.compare()\n", 0, 0
    for _ in range(300):
        first = compile(source, "".join(list("/a/core.py")), "exec")
        client.tag(id(first), 10)
        scope = {"harness": harness}
        exec(first, scope)
        wrong += harness.caller(scope["answer"]) != 10
        address = id(first)
        client.untag(address)
        del first
        second = compile(source, "".join(list("/b/core.py")), "exec")
        reused += id(second) == address
        client.tag(id(second), 11)
        exec(second, scope)
        wrong += harness.caller(scope["answer"]) != 11
        client.untag(id(second))
        del second
    results.append(("300 reused code addresses, %d wrong" % wrong, wrong == 0 and reused > 250))


INSIDE = """
import sys
sys.path.insert(0, %r)
import harness
def inside():
    return harness.compare(%r, outer=%r)
answer = inside()
if not 0 <= answer < harness.MISMATCH:
    raise SystemError("%%x" %% answer)
"""


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters


def create_interpreter():
    client.area.more_interpreters = 1
    if sys.version_info >= (3, 13): return interpreters.create("legacy")
    return interpreters.create(isolated=False) if sys.version_info >= (3, 12) else interpreters.create()


def outer_codes():
    """Codes of the frames that surround what the caller runs in a sub-interpreter."""
    frame, outer = sys._getframe(1), []
    while frame is not None:
        outer.append(id(frame.f_code))
        frame = frame.f_back
    return outer


def subinterpreters():
    def run(held):
        number = create_interpreter()
        error = interpreters.run_string(number, INSIDE % (os.path.dirname(harness.__file__), held, outer_codes()))
        results.append(("sub-interpreter: %s" % error, error is None))
        both("main interpreter beside a living sub-interpreter")
        interpreters.destroy(number)
        both("main interpreter after a sub-interpreter")

    both("before any sub-interpreter")
    run(False)
    run(True)
    in_thread(run, False)


ELSEWHERE = """
import os, sys
sys.path.insert(0, %r)
import harness
def inside(held):
    return harness.compare(held, outer=%r)
answers = [inside(False), inside(True)]
os.write(%d, b"i")
os.read(%d, 1)
answers.append(inside(False))
if not all(0 <= answer < harness.MISMATCH for answer in answers):
    raise SystemError(str(answers))
"""


def subinterpreter_of_another_thread():
    """Up to 3.11 a thread state keeps the thread that made it, whichever thread runs it."""
    if sys.version_info < (3, 10):
        return
    number = create_interpreter()
    inside, leave = os.pipe(), os.pipe()

    def run():
        text = ELSEWHERE % (os.path.dirname(harness.__file__), outer_codes(), inside[1], leave[0])
        error = interpreters.run_string(number, text)
        results.append(("sub-interpreter made by another thread: %s" % error, error is None))

    thread = threading.Thread(target=run)
    thread.start()
    os.read(inside[0], 1)
    both("maker of a sub-interpreter that another thread runs")
    in_thread(both, "third thread")
    os.write(leave[1], b"l")
    thread.join()
    both("maker of a sub-interpreter that another thread ran")
    interpreters.destroy(number)


def other_processes():
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        both("forked child")
        in_thread(both, "thread of a forked child")
        os._exit(0 if all(good for _, good in results[-4:]) else 1)
    results.append(("forked child", os.waitpid(pid, 0)[1] == 0))
    both("parent after fork")
    code = ("import ctypes, sys; f = ctypes.CDLL(None).syscall; f.restype = ctypes.c_long; n = ctypes.c_ulong\n"
            "sys.exit(f(n(157), n(%d), n(%d), n(0), n(0), n(0)) != %d)"
            % (harness.TEST_PRCTL, harness.COMPARE, harness.OTHER_IMAGE))
    done = subprocess.call([sys.executable, "-c", code])
    results.append(("another program is told apart (%d)" % done, done == 0))
    both("parent after exec of a child")


def main():
    for scenario in (calls_and_recursion, deep_recursion, generators, exceptions, callbacks_from_c, special_methods,
                     coroutines, threads, signals_and_tracing, names_and_libraries, reused_code, subinterpreters,
                     subinterpreter_of_another_thread, other_processes):
        scenario()
    both("end of the program")
    bad = [name for name, good in results if not good]
    print(sys.version.split()[0], "checks", len(results), "bad", bad)
    return bool(bad or len(results) < 100)


if __name__ == "__main__":
    sys.exit(main())
