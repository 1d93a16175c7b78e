# SPDX-License-Identifier: Apache-2.0
"""Random shapes of stacks on eight threads, with asyncio and short-lived threads. stress.py COMPARISONS [SEED]

A million per interpreter: walk_probe PYTHON stress.py 1000000
"""

import asyncio
import functools
import os
import random
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness

client = harness.Client()
client.hello()
target = int(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
THREADS = 8
done = [0] * (THREADS + 1)
wrong = []


def leaf(r, lane):
    answer = harness.compare(r.random() < 0.5)
    if not 0 <= answer < harness.MISMATCH or harness.flags(answer) & ~harness.UNKNOWN:
        wrong.append(answer)
    done[lane] += 1


def generator(r, n, lane):
    yield 1
    shape(r, n, lane)
    yield 2


class Object:
    def __init__(self, r, n, lane):
        shape(r, n, lane)


class Dying:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __del__(self):
        shape(*self.arguments)


async def inner(r, n, lane):
    return shape(r, n, lane)


async def outer(r, n, lane):
    return await inner(r, n, lane)


def in_coroutine(r, n, lane):
    try:
        outer(r, n, lane).send(None)
    except StopIteration:
        pass


def in_except(r, n, lane):
    try:
        shape(r, n - 2, lane)
        raise KeyError
    except KeyError:
        shape(r, n - 4, lane)


def in_finally(r, n, lane):
    try:
        return 1
    finally:
        shape(r, n, lane)


def thrown(r, n, lane):
    def catch():
        try:
            yield
        except KeyError:
            shape(r, n, lane)
            yield

    g = catch()
    next(g)
    g.throw(KeyError)


def remove(r, n, lane):
    dying = Dying(r, n, lane)
    del dying


SHAPES = (
    lambda r, n, lane: list(generator(r, n - 1, lane)),
    lambda r, n, lane: sorted([1, 2], key=lambda x: (shape(r, n - 5, lane) if x == 1 else 0, 0)[1]),
    lambda r, n, lane: functools.reduce(lambda a, b: shape(r, n - 2, lane), [1, 2]),
    in_except,
    in_finally,
    lambda r, n, lane: Object(r, n - 1, lane),
    lambda r, n, lane: eval("shape(r, n - 1, lane)", globals(), {"r": r, "n": n, "lane": lane}),
    lambda r, n, lane: in_coroutine(r, n - 1, lane),
    lambda r, n, lane: [shape(r, n - 6, lane) for _ in range(1)],
    lambda r, n, lane: max((shape(r, n - 3, lane), 0)[1] for _ in range(1)),
    lambda r, n, lane: thrown(r, n - 2, lane),
    lambda r, n, lane: remove(r, n - 2, lane),
    lambda r, n, lane: shape(r, n - 1, lane),
    lambda r, n, lane: shape(r, n - 1, lane),
)


def shape(r, n, lane):
    if n <= 0:
        leaf(r, lane)
    else:
        r.choice(SHAPES)(r, n, lane)


def enough():
    return sum(done) >= target or bool(wrong)


def in_thread(lane):
    r = random.Random(seed + lane)
    while not enough():
        shape(r, r.choice((0, 2, 5, 10, 20)), lane)


def in_loop(lane):
    async def main():
        r = random.Random(seed + lane)

        async def one(n):
            for _ in range(20):
                shape(r, n, lane)
                await asyncio.sleep(0)

        while not enough():
            await asyncio.gather(*(one(r.randint(0, 8)) for _ in range(5)))

    asyncio.run(main())


def main():
    sys.setrecursionlimit(4000)
    threads = [threading.Thread(target=in_thread if i < THREADS - 2 else in_loop, args=(i,)) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    short = 0
    while not enough():
        lives = [threading.Thread(target=lambda s: shape(random.Random(s), 4, THREADS), args=(short + i,))
                 for i in range(4)]
        short += len(lives)
        for thread in lives:
            thread.start()
        for thread in lives:
            thread.join()
    for thread in threads:
        thread.join()
    print(sys.version.split()[0], "comparisons", sum(done), "short-lived threads", short, "seed", seed, "wrong",
          wrong[:3])
    return 1 if wrong or sum(done) < target else 0


if __name__ == "__main__":
    sys.exit(main())
